"""Every kind of worker: parents, ids, counts and log lines are right, nothing is lost and nothing comes twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.workers.checking import Ran, complaints, lost, run_row
from tests.workers.matrix import EXCEPTIONS, ROWS, Row


def _cells() -> list[object]:
    return [
        pytest.param(
            row,
            column,
            id=f"{row.title} | {column}",
            marks=[pytest.mark.xfail(reason=EXCEPTIONS[row.title, column])]
            if (row.title, column) in EXCEPTIONS
            else [],
        )
        for row in ROWS
        for column in row.columns
    ]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Row], Ran]:
    """Run the program of a row, once."""
    known: dict[str, Ran] = {}

    def run(row: Row) -> Ran:
        if row.title not in known:
            known[row.title] = run_row(row, tmp_path_factory.mktemp(row.program))
        return known[row.title]

    return run


@pytest.mark.parametrize(("row", "column"), _cells())
def test_a_cell_holds(row: Row, column: str, ran: Callable[[Row], Ran]) -> None:
    """What arrived is what the program, which does not ask otelkit, wrote down of itself."""
    found = ran(row)
    assert found.done.returncode == 0, found.done.stderr
    cell = found.of(column)

    assert cell.spans() == cell.true_spans()
    assert cell.log_lines() == cell.true_log_lines()
    assert cell.counts() == cell.true_counts()
    assert cell.items() == cell.true_items()
    assert set(cell.identities()) == {1}
    assert lost(found.server) == []
    assert complaints(found.done.stderr) == []
