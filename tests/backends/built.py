"""The programs of the real backends, built if they are not there: their absence is a failure, never a skipped test."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path

BUILD = Path(__file__).parents[2] / "tools" / "backends" / "build.py"


@functools.cache
def folder(backend: str) -> Path:
    """Return the folder with the backend's programs; building them takes minutes the first time, and fails loudly."""
    done = subprocess.run([sys.executable, BUILD, backend], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{backend} could not be built:\n{done.stdout}{done.stderr}"
    return Path(done.stdout.strip())
