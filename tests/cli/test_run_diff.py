"""Two runs side by side."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from otelkit._cli.look import ASCII, UNICODE, Signs, print_lines
from otelkit._cli.run_diff import compare, run_diff, worse
from otelkit.model.views import RunRow, StageRow
from tests.cli.view_samples import ENDED, RUN, STAGES

_FACTORS = (1.0, 1.04, 1.31, 0.62, 14.0)
AFTER = replace(
    ENDED,
    id="ab" * 16,
    duration_s=99.0,
    stages=(
        *(
            replace(
                stage, p50_s=(stage.p50_s or 0) * factor, p95_s=(stage.p95_s or 0) * factor, failed=stage.failed * 2
            )
            for stage, factor in zip(STAGES, _FACTORS, strict=True)
        ),
        StageRow("upload", 12, 0, 12, 0.2, 0.4, 0.1),
    ),
)


def _shown(before: RunRow, after: RunRow, width: int, signs: Signs = UNICODE) -> list[str]:
    stream = io.StringIO()
    print_lines(Console(file=stream, width=width, _environ={}), run_diff(before, after, width, signs))
    return stream.getvalue().splitlines()


def test_eighty_columns() -> None:
    """Quantiles of both runs, their change, and failures."""
    assert _shown(RUN, AFTER, 80) == [
        "before  nightly  ● running  1:23  9f3a21c4d5e6",
        "after   nightly  ✗ failed (1)  1:39  abababababab",
        "",
        "stage                             p95                      p50    errors",
        "discover      1.2 s  → 1.2 s      ±0%  1.2 s  → 1.2 s      ±0%    0 →  0",
        "read          1.3 ms → 1.4 ms     +4%  210 µs → 218 µs     +4%    0 →  0",
        "parse          18 ms →  24 ms    +31%  4.1 ms → 5.4 ms    +31%   12 → 24",
        "extract       9.9 ms → 6.1 ms    -38%  1.9 ms → 1.2 ms    -38%    0 →  0",
        "store         240 µs → 3.4 ms     ×14   88 µs → 1.2 ms     ×14    0 →  0",
        "upload             – → 400 ms               – → 200 ms            – →  0",
    ]


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("signs", [UNICODE, ASCII])
def test_lines_fit(width: int, signs: Signs) -> None:
    """At every width each line fits; slowest quantile and errors stay longest."""
    lines = _shown(RUN, AFTER, width, signs)

    assert all(cell_len(line) <= width for line in lines)
    assert "p95" in lines[3]
    assert signs is UNICODE or all(line.isascii() for line in lines)


def test_changes_within_the_error_are_not_called_worse() -> None:
    """Quantiles are up to 5 % off on both sides; what is new or gone is neither better nor worse."""
    changes = {change.name: change for change in compare(RUN, AFTER)}

    assert [name for name, change in changes.items() if worse(change, 10)] == ["parse", "store"]
    assert not worse(changes["upload"], 0)
    assert changes["upload"].before is None


def test_failing_more_often_is_worse() -> None:
    """The share of failing calls counts, in points of a percent, however many calls there were."""
    before = StageRow("parse", 100, 0, 100, 0.1, 0.1, 1.0)
    after = StageRow("parse", 1000, 60, 1000, 0.1, 0.1, 1.0)
    (change,) = compare(replace(RUN, stages=(before,)), replace(RUN, stages=(after,)))

    assert worse(change, 5)
    assert not worse(change, 7)


def test_stages_that_are_gone_come_last() -> None:
    """The newer run decides the order."""
    names = [change.name for change in compare(AFTER, replace(RUN, stages=STAGES[::-1]))]

    assert names == ["store", "extract", "parse", "read", "discover", "upload"]


def test_runs_without_stages() -> None:
    """Nothing to compare is said."""
    empty = replace(RUN, stages=())

    assert "neither run has ended a stage call" in _shown(empty, empty, 80)
