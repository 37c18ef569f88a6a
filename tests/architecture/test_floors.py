"""Imports go down the floors, without holes."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_imports_go_down_and_engines_do_not_import_each_other() -> None:
    """import-linter, with the contract in pyproject.toml."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_contract_has_no_exceptions() -> None:
    """A floor plan with holes is decoration."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]

    (floors,) = [contract for contract in contracts if contract["type"] == "layers"]
    assert floors["exhaustive"] is True
    assert floors["exhaustive_ignores"] == ["_version"]
    assert not any("ignore_imports" in contract for contract in contracts)
