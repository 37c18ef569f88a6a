"""Run the matrix with this Python and record what came of it: ``python -m tests.workers.record``.

Nothing is recorded unless every cell does what is said of it. `make workers` does it for all versions and writes the page.
"""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest

from tests.workers.matrix import EXCEPTIONS
from tests.workers.results_files import HOLDS, Results, fingerprint, write


class Recording:
    """A pytest plugin that remembers the outcome of each cell."""

    def __init__(self) -> None:
        self.cells: dict[str, dict[str, str]] = {}
        self._cell_of: dict[str, tuple[str, str]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Note which test is which cell."""
        for item in items:
            if isinstance(item, pytest.Function):
                params = item.callspec.params
                self._cell_of[item.nodeid] = params["row"].title, params["column"]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a cell did."""
        if report.when == "call":
            title, column = self._cell_of[report.nodeid]
            self.cells.setdefault(title, {})[column] = (
                HOLDS if report.passed else EXCEPTIONS.get((title, column), "fails")
            )


def main() -> int:
    """Run, record, and return pytest's exit code."""
    # Before it runs: what changes meanwhile was not tested.
    programs = fingerprint()
    recording = Recording()
    code = pytest.main([str(Path(__file__).with_name("test_matrix.py")), "-q", "--tb=short"], plugins=[recording])
    if code == 0:
        path = write(Results(platform.python_version(), programs, recording.cells))
        sys.stdout.write(f"wrote {path}\n")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
