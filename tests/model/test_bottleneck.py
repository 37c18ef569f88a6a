"""Which stage limits a pipeline, from the shares of time of its stages and queues."""

from __future__ import annotations

import pytest

from otelkit.model.bottleneck import bottleneck_of, since
from otelkit.model.views import QueueRow, RunRow, StageRow


def stage(
    name: str,
    working: float | None,
    starved: float | None = 0.0,
    blocked: float | None = 0.0,
    *,
    takes: tuple[str, ...] = (),
    puts: tuple[str, ...] = (),
    processes: int = 1,
    shares: tuple[str, ...] = (),
) -> StageRow:
    return StageRow(
        name,
        10,
        0,
        10,
        0.1,
        0.1,
        1.0,
        working=working,
        starved=starved,
        blocked=blocked,
        takes_from=takes,
        puts_into=puts,
        processes=processes,
        shares_with=shares,
    )


def run(*stages: StageRow, queues: tuple[QueueRow, ...] = (), measured_s: float | None = 10.0) -> RunRow:
    return RunRow("id", "run", "ok", "2026-01-01T00:00:00Z", 10.0, 0, 0, stages, queues=queues, measured_s=measured_s)


def chain(read: StageRow, parse: StageRow, store: StageRow, files: float, trees: float) -> RunRow:
    """Return a run of three stages with two queues between them, full for these shares of the time."""
    return run(read, parse, store, queues=(QueueRow("files", 8, 8, files, 0.0), QueueRow("trees", 0, 8, trees, 0.0)))


READ = {"puts": ("files",)}
PARSE = {"takes": ("files",), "puts": ("trees",)}
STORE = {"takes": ("trees",)}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        pytest.param(
            chain(
                stage("read", 0.99, **READ), stage("parse", 0.1, 1.8, **PARSE), stage("store", 0.1, 0.8, **STORE), 0, 0
            ),
            "read limits: busy 99 % of 1 worker, parse waits 95 %",
            id="slow reader",
        ),
        pytest.param(
            chain(
                stage("read", 0.1, 0, 0.9, **READ),
                stage("parse", 1.96, 0.03, 0.01, **PARSE),
                stage("store", 0.2, 0.71, **STORE),
                0.93,
                0.0,
            ),
            "parse limits: busy 98 % of 2 workers, its input queue `files` is full 93 % of the time, store waits 71 %",
            id="too few workers",
        ),
        pytest.param(
            chain(
                stage("read", 0.1, 0, 0.8, **READ),
                stage("parse", 0.2, 0, 1.7, **PARSE),
                stage("store", 0.97, 0.02, **STORE),
                0.7,
                0.9,
            ),
            "store limits: busy 98 % of 1 worker, its input queue `trees` is full 90 % of the time",
            id="slow writer",
        ),
        pytest.param(
            run(stage("read", 0.09, 0, 0.91), stage("parse", 0.83), stage("write", 0.05)),
            "parse limits: busy 83 % of 1 worker, read is blocked 91 %",
            id="generators in one thread",
        ),
        pytest.param(
            run(
                stage("loop", 0.01, 0.02, 0.01, **PARSE),
                stage("parse", 0.95),
                stage("store", 0.1, 0.85, **STORE),
                queues=(QueueRow("files", 8, 8, 0.9, 0.0),),
            ),
            "parse limits: busy 95 % of 1 worker, queue `files` is full 90 % of the time, store waits 85 %",
            id="called inside the stage that gets and puts",
        ),
        pytest.param(
            run(stage("read", 0.07, 0, 0.86, **READ), stage("parse", 0.77, 0.01, **PARSE, processes=2)),
            "parse limits: busy 99 % of 2 workers, read is blocked 86 %",
            id="worker processes that start late",
        ),
        pytest.param(
            run(
                stage("read", 0.1, 0, 0.81, **READ),
                stage("parse", 1.3, 0.01, takes=("files",), shares=("extract",)),
                stage("extract", 0.67, puts=("trees",), shares=("parse",)),
                stage("store", 0.1, 0.89, **STORE),
                queues=(QueueRow("files", 8, 8, 0.8, 0.0), QueueRow("trees", 0, 8, 0.0, 0.9)),
            ),
            "parse limits: busy 66 % of 2 workers (and 34 % with extract), its input queue `files` is full 80 % of the time, "
            "store waits 89 %",
            id="workers that run two stages one after the other",
        ),
        pytest.param(
            run(
                stage("read", 0.1, 0, 0.81, **READ),
                stage("parse", 0.9, 0.01, takes=("files",), shares=("check", "extract")),
                stage("check", 0.5, shares=("extract", "parse")),
                stage("extract", 0.5, puts=("trees",), shares=("check", "parse")),
                queues=(QueueRow("files", 8, 8, 0.8, 0.0),),
            ),
            "parse limits: busy 47 % of 2 workers (and 52 % with 2 other stages), its input queue `files` is full 80 % of the "
            "time",
            id="workers that run three stages one after the other",
        ),
        pytest.param(
            run(
                stage("loop", 0.02, 0.02, 0.02, shares=("parse",), **PARSE),
                stage("parse", 1.9, shares=("loop",)),
                queues=(QueueRow("files", 8, 8, 0.9, 0.0),),
            ),
            "parse limits: busy 97 % of 2 workers, its input queue `files` is full 90 % of the time",
            id="workers that call the stage inside another one",
        ),
        pytest.param(
            run(stage("parse", 2.6), stage("extract", 1.3)),
            "parse limits: 67 % of the work in all stages",
            id="threads of which nobody knows who runs what",
        ),
        pytest.param(
            run(
                stage("discover", 0.02, 0, 0.96),
                stage("analyse", 0.1, processes=2),
                stage("read", 0.3, processes=2),
                stage("parse", 0.9, processes=2),
                stage("store", 0.02),
            ),
            "parse limits: busy 45 % of 2 workers (and 20 % with 2 other stages), discover is blocked 96 %",
            id="a pool of processes that run several stages",
        ),
        pytest.param(
            run(stage("read", 1.6, processes=2), stage("parse", 2.1, processes=2)),
            "parse limits: 57 % of the work in all stages",
            id="processes with several threads each",
        ),
    ],
)
def test_the_limiting_stage_is_named_with_its_evidence(given: RunRow, sentence: str) -> None:
    """One sentence, whatever the shape of the pipeline."""
    found = bottleneck_of(given)

    assert found is not None
    assert found.sentence == sentence


def test_workers_that_wait_limit_nothing_however_long_one_of_their_stages_takes() -> None:
    """Judged by what the workers do all of the time: the store waits a third of it, the parsers never."""
    found = bottleneck_of(
        run(
            stage("parse", 1.1, 0.01, takes=("files",), shares=("extract",)),
            stage("extract", 0.87, puts=("trees",), shares=("parse",)),
            stage("store", 0.66, 0.33, **STORE),
        )
    )

    assert found is not None
    assert (found.stage, found.workers, found.busy) == ("parse", 2, pytest.approx(0.556, abs=0.01))


def test_of_equally_busy_stages_the_one_that_others_wait_for_limits() -> None:
    """Its input is full and its taker starved."""
    found = bottleneck_of(
        chain(
            stage("read", 0.95, 0, 0.05, **READ),
            stage("parse", 0.94, 0.03, 0.03, **PARSE),
            stage("store", 0.2, 0.8, **STORE),
            0.6,
            0.0,
        )
    )

    assert found is not None
    assert (found.stage, found.workers, found.busy) == ("parse", 1, pytest.approx(0.94))


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(run(), id="nothing"),
        pytest.param(run(stage("parse", 1.0)), id="one stage has no other to limit"),
        pytest.param(run(stage("read", None, None, None), stage("parse", None, None, None)), id="no metrics"),
        pytest.param(run(stage("read", 0.2), stage("parse", 0.3)), id="something outside of the stages limits"),
        pytest.param(
            run(stage("read", 0.1), stage("parse", 0.9, processes=2)), id="a pool that is idle for half of the time"
        ),
        pytest.param(run(stage("read", 0.04, 0.001), stage("parse", 0.3)), id="a short stage is not busy for long"),
    ],
)
def test_nothing_is_said_where_nothing_can_be_told(given: RunRow) -> None:
    """Rather than a guess."""
    assert bottleneck_of(given) is None


def test_a_part_of_a_run_has_a_bottleneck_of_its_own() -> None:
    """First the reader limits, then the writer; over the whole run neither does for long."""
    earlier = run(
        stage("read", 1.0), stage("write", 0.1, 0.9), queues=(QueueRow("files", 0, 8, 0.0, 0.9),), measured_s=10.0
    )
    whole = run(
        stage("read", 0.55, 0, 0.45),
        stage("write", 0.55, 0.45),
        queues=(QueueRow("files", 8, 8, 0.45, 0.45),),
        measured_s=20.0,
    )
    lately = since(whole, earlier)
    before, after = bottleneck_of(earlier), bottleneck_of(lately)

    assert before is not None
    assert after is not None
    assert (before.stage, after.stage) == ("read", "write")
    assert lately.measured_s == pytest.approx(10.0)
    assert lately.queues[0].full == pytest.approx(0.9)
    assert lately.queues[0].empty == pytest.approx(0.0)


def test_without_newer_metrics_a_part_of_a_run_says_nothing() -> None:
    """Nor does a run without any; a stage that is new in the part counts from nothing."""
    same = run(stage("read", 1.0), stage("write", 0.1))
    silent = run(stage("read", None, None, None), measured_s=None)
    later = run(stage("read", 0.5), stage("write", 0.05), stage("new", 0.5), measured_s=20.0)
    found = since(later, same)

    assert bottleneck_of(since(same, same)) is None
    assert since(silent, same) == silent
    assert [each.working for each in found.stages] == pytest.approx([0.0, 0.0, 1.0])
