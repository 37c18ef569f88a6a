"""What is published of the matrix is what its tests say."""

from __future__ import annotations

import pytest

from tests.workers.matrix import EXCEPTIONS, PROGRAMS, PYTHONS, ROWS
from tests.workers.results_files import HOLDS, fingerprint, read_all


@pytest.mark.parametrize("version", PYTHONS)
def test_the_recorded_results_are_of_this_matrix(version: str) -> None:
    """Of each of its cells, and as these are now; `make workers` records them anew."""
    recorded = read_all()[version].cells

    assert recorded == {
        row.title: {column: EXCEPTIONS.get((row.title, column), HOLDS) for column in row.columns} for row in ROWS
    }


@pytest.mark.parametrize("version", PYTHONS)
def test_the_recorded_results_are_of_these_programs(version: str) -> None:
    """A program or a check that has changed since has not been shown to hold; `make workers` does."""
    found = read_all()[version]

    assert found.python.startswith(f"{version}.")
    assert found.programs == fingerprint()


def test_every_program_is_a_row() -> None:
    """None is left behind that nothing runs, and no title stands twice."""
    parts = {"truth", "steps", "columns", "child"}

    assert {path.stem for path in PROGRAMS.glob("*.py")} - parts == {row.program for row in ROWS}
    assert len({row.title for row in ROWS}) == len(ROWS)


def test_every_exception_is_a_cell_and_says_why() -> None:
    """An exception for a cell that is not there would hide nothing and promise something."""
    cells = {(row.title, column) for row in ROWS for column in row.columns}

    assert set(EXCEPTIONS) - cells == set()
    assert all(EXCEPTIONS.values())
