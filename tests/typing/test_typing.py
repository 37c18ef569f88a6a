"""Type checkers see what users are promised."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.mark.parametrize("check", sorted(HERE.glob("check_*.py")), ids=lambda path: path.stem)
def test_what_users_type_checks_strictly(check: Path, tmp_path: Path) -> None:
    """mypy agrees with every assert_type, and finds every mistake that is marked as one and no other."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(ROOT / ".mypy_cache" / "typing"), str(check)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert done.returncode == 0, done.stdout + done.stderr
