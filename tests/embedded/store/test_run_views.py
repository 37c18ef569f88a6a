"""What `otelkit runs` and `otelkit top` show, from what was sent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from otelkit.embedded.store import Store, open_reader
from otelkit.embedded.store.reader import SqliteReader
from otelkit.model.views import QueueRow, Reader, RunRow, StageRow
from tests.embedded.telemetry import RESOURCE, START_NS, ManualClock, SpanOf, log, number, open_store, spans, stage


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> Iterator[Store]:
    store = open_store(tmp_path / "telemetry.db", clock)
    yield store
    store.close()


@pytest.fixture
def reader(store: Store, clock: ManualClock) -> Iterator[SqliteReader]:
    reader = open_reader(store.path, clock=clock)
    yield reader
    reader.close()


def the_run(reader: Reader, run_id: str = "run-1") -> RunRow:
    run = reader.run(run_id)
    assert run is not None
    return run


def the_stage(reader: Reader, name: str) -> StageRow:
    return {row.name: row for row in the_run(reader).stages}[name]


def test_calls_and_failures_are_counted_by_stage(store: Store, reader: Reader) -> None:
    """The stage table counts every call once, over all requests, processes and minutes."""
    for second in range(0, 180, 30):
        store.write(
            [
                spans(stage("parse", second), stage("parse", second, error="bad"), SpanOf("GET /", second)),
                spans(stage("store", second), resource=RESOURCE | {"process.pid": second}),
            ]
        )
    run = the_run(reader)

    assert {(row.name, row.calls, row.failed) for row in run.stages} == {("parse", 12, 6), ("store", 6, 0)}
    assert run.spans == 24


def test_durations_are_at_most_5_percent_off(store: Store, reader: Reader) -> None:
    """p50 and p95 of a stage are those of its calls."""
    store.write([spans(*(stage("parse", lasts_s=millis / 1000) for millis in range(1, 101)))])
    row = the_stage(reader, "parse")

    assert row.p50_s == pytest.approx(0.050, rel=0.05)
    assert row.p95_s == pytest.approx(0.095, rel=0.05)


def test_a_run_can_be_seen_minute_by_minute(store: Store) -> None:
    """Calls, failures and durations of each stage are kept for each minute, and add up to the stage table."""
    for second in range(20, 140):
        store.write([spans(stage("parse", second, second / 100), stage("store", second, 0.1, error="bad"))])
    reader = open_reader(store.path)
    minutes = reader.minutes("run")
    nothing = reader.minutes("no such run")
    reader.close()
    parse = [row for row in minutes if row.stage == "parse"]

    assert nothing == []
    assert [row.started_at for row in parse] == [f"2023-11-14T22:{minute}:00.000000Z" for minute in (13, 14, 15)]
    assert sum(row.calls for row in minutes) == 240
    assert sum(row.failed for row in minutes) == 120
    assert parse[1].p50_s == pytest.approx(0.69, rel=0.06)
    assert parse[2].p95_s == pytest.approx(1.37, rel=0.06)


def test_items_are_those_that_the_calls_say(store: Store, reader: Reader) -> None:
    """A call is one item unless it says how many it handled; a cancelled one is none."""
    store.write(
        [
            spans(
                stage("parse"),
                stage("parse", error="bad"),
                stage("parse", attributes={"pipeline.stage.outcome": "cancelled"}),
                stage("write", attributes={"pipeline.items.ok": 12, "pipeline.items.failed": 1}),
                stage("write", attributes={"pipeline.items.ok": 0, "pipeline.items.skipped": 7}),
            )
        ]
    )

    assert the_stage(reader, "parse").items == 2
    assert the_stage(reader, "write").items == 20


def test_busy_is_the_share_of_the_runs_time(store: Store, reader: Reader) -> None:
    """Two workers that work half the time each make 1.0; time spent waiting is not work."""
    store.write(
        [
            spans(
                stage("parse", 0, 5),
                stage("parse", 5, 5),
                stage("write", 0, 10, attributes={"pipeline.stage.wait_s": 6.0, "pipeline.stage.blocked_s": 2.0}),
            )
        ]
    )
    store.set_run("run-1", state="ok")

    assert the_stage(reader, "parse").busy == pytest.approx(1.0)
    assert the_stage(reader, "write").busy == pytest.approx(0.2)


def test_sampled_spans_count_for_those_that_were_not(store: Store, reader: Reader) -> None:
    """With one call in four sampled the stage table still says how many calls there were."""
    store.write([spans(*(stage("parse", trace_state="ot=th:c") for _ in range(25)))])
    run = the_run(reader)

    assert (run.stages[0].calls, run.stages[0].items, run.spans) == (100, 100, 25)


def test_rates_are_those_of_the_last_seconds(store: Store, reader: Reader, clock: ManualClock) -> None:
    """calls/s and items/s follow the run, fall to zero when it stalls, and are those of the whole run in the end."""
    store.set_run("run-1", state="running")
    for second in range(30):
        store.write([spans(*(stage("parse", second + 0.1, 0.5) for _ in range(second + 1)))])
    clock.advance(30)
    fresh = the_stage(reader, "parse")
    clock.advance(9)
    store.write([log(at_s=39)])
    stalled = the_stage(reader, "parse")
    store.set_run("run-1", state="ok", started_ns=START_NS, ended_ns=START_NS + 31 * 10**9)
    over = the_stage(reader, "parse")

    assert fresh.calls_per_s == pytest.approx(sum(range(25, 30)) / 5)
    assert fresh.items_per_s == fresh.calls_per_s
    assert stalled.calls_per_s == 0
    assert (over.calls_per_s, over.items_per_s) == (pytest.approx(15), pytest.approx(15))


def test_the_slowest_and_the_last_failing_item_are_named(store: Store, reader: Reader) -> None:
    """The run points at the calls worth looking at, and prefers those that name their item."""
    slow, slower = stage("parse", 1, 2.0, item="slow.py"), stage("load", 1, 9.0)
    first, last = stage("parse", 2, 0.1, item="a.py", error="bad a"), stage("parse", 3, 0.1, item="b.py", error="bad b")
    outer = stage("all", 2, 5.0, error="too many")
    store.write([spans(slow, slower, last, first, outer)])
    store.write([spans(stage("parse", 4, 0.1, item="fine.py"))])
    run = the_run(reader)

    assert run.slowest is not None
    assert (run.slowest.item, run.slowest.stage, run.slowest.duration_s) == ("slow.py", "parse", 2.0)
    assert run.slowest.trace_id == slow.trace_id.hex()
    assert run.last_failed is not None
    assert (run.last_failed.item, run.last_failed.error) == ("b.py", "ValueError: bad b")


def test_without_named_items_the_slowest_call_is_shown(store: Store, reader: Reader) -> None:
    """A pipeline that names no items still shows its slowest and last failing call."""
    store.write([spans(stage("parse", 1, 2.0), stage("load", 1, 9.0, error="x" * 1_000))])
    run = the_run(reader)

    assert run.slowest is not None
    assert run.slowest.stage == "load"
    assert run.last_failed is not None
    assert run.last_failed.error is not None
    assert len(run.last_failed.error) == 300


def test_a_run_is_named_by_its_span_its_resource_or_its_starter(store: Store, reader: Reader) -> None:
    """The name given to `otelkit.run` comes first, then the one that the starter knows, then the service's."""
    store.write([spans(SpanOf(), resource={"service.name": "svc"})])
    by_service = the_run(reader, "svc").name
    store.set_run("svc", name="given")
    by_starter = the_run(reader, "svc").name
    root = SpanOf(attributes={"pipeline.run.name": "nightly", "pipeline.run.total": 500})
    store.write([spans(root, resource={"service.name": "svc"})])
    by_span = the_run(reader, "svc")

    assert (by_service, by_starter, by_span.name) == ("svc", "given", "nightly")
    assert by_span.total == 500


@pytest.mark.parametrize(
    ("resource", "attributes", "expected"),
    [
        ({"service.name": "s"}, {}, "s"),
        ({"service.name": "s", "service.instance.id": "i"}, {}, "i"),
        ({"service.name": "s", "service.instance.id": "i", "pipeline.run.id": "r"}, {}, "r"),
        ({"service.name": "s", "pipeline.run.id": "r"}, {"pipeline.run.id": "own"}, "own"),
        ({}, {}, "unknown_service"),
    ],
)
def test_telemetry_belongs_to_the_run_it_names(
    resource: dict[str, str], attributes: dict[str, str], expected: str, store: Store, reader: Reader
) -> None:
    """The run is that of the span, else of the process, else the process itself, else the service."""
    store.write([spans(SpanOf(attributes=attributes), resource=resource)])

    assert [run.id for run in reader.runs() if run.spans] == [expected]


def test_a_run_without_word_of_its_state_runs_as_long_as_data_comes(
    store: Store, reader: Reader, clock: ManualClock
) -> None:
    """A program that nobody watches is running while it sends, and over fifteen seconds later."""
    store.write([spans(stage("parse"))])
    clock.advance(14)
    early = the_run(reader).state
    clock.advance(2)
    late = the_run(reader)

    assert (early, late.state) == ("running", "ended")
    assert late.duration_s == pytest.approx(0.1)


def test_a_run_that_says_itself_when_it_ended_is_over_at_once(store: Store, reader: Reader, clock: ManualClock) -> None:
    """`opentelemetry-instrument python app.py` shows as ended the moment it has."""
    store.write([spans(stage("parse", lasts_s=4.0))])
    store.write([number("pipeline.run.ended", START_NS / 1e9 + 5.0, at_s=5.1)])
    clock.advance(5.2)
    over = the_run(reader)

    assert (over.state, over.duration_s) == ("ended", pytest.approx(5.0, abs=0.01))


def test_a_run_goes_on_in_a_process_that_outlives_its_first(store: Store, reader: Reader, clock: ManualClock) -> None:
    """The end of the process that began it is not the end of a run that still sends."""
    store.write([number("pipeline.run.ended", START_NS / 1e9, at_s=0)])
    clock.advance(10)
    store.write([spans(stage("parse", at_s=9))])

    assert the_run(reader).state == "running"


def test_a_run_that_somebody_has_started_is_over_when_they_say_so(
    store: Store, reader: Reader, clock: ManualClock
) -> None:
    """`otelkit run sh -c 'python a.py; python b.py'` goes on when the first program has told its end."""
    store.set_run("run-1", name="n", started_ns=START_NS, command="sh -c …")
    store.write([number("pipeline.run.ended", START_NS / 1e9 + 1, at_s=1)])
    clock.advance(1.1)
    between = the_run(reader).state
    store.set_run("run-1", state="ok", ended_ns=START_NS + 2 * 10**9)

    assert (between, the_run(reader).state) == ("running", "ok")


def test_a_further_run_of_a_process_is_over_with_its_root_span(
    store: Store, reader: Reader, clock: ManualClock
) -> None:
    """A service that executes one run after the other goes on itself; what its runs started may outlive them."""
    of_run = {"pipeline.run.id": "run-2", "pipeline.run.name": "nightly"}
    own = {"pipeline.run.id": "run-1", "pipeline.run.name": "first"}
    store.write([spans(SpanOf("first", 0, 0.5, own), SpanOf("nightly", 1, 2.0, of_run))])
    clock.advance(4)
    over = {run.id: (run.state, run.duration_s) for run in reader.runs()}
    store.write([spans(SpanOf("late", 6, 1.0, {"pipeline.run.id": "run-2"}))])
    clock.advance(4)
    went_on = {run.id: run.state for run in reader.runs()}

    assert over == {"run-2": ("ended", pytest.approx(2.0, abs=0.01)), "run-1": ("running", pytest.approx(4.0))}
    assert went_on == {"run-2": "running", "run-1": "running"}


def test_an_end_that_is_no_time_is_ignored(store: Store, reader: Reader) -> None:
    """Nonsense from a sender neither ends a run nor costs what came with it."""
    store.write([number("pipeline.run.ended", value) for value in (float("nan"), float("inf"), -1.0, 0, 1e30)])

    assert the_run(reader).state == "running"


def test_what_comes_late_out_of_a_spool_does_not_run(store: Store, reader: Reader, clock: ManualClock) -> None:
    """A program that was killed yesterday is not shown as running because its spool is taken in today."""
    clock.advance(3600)
    store.write([spans(stage("parse"))])

    assert the_run(reader).state == "ended"


def test_the_starters_word_on_the_state_counts(store: Store, reader: Reader, clock: ManualClock) -> None:
    """`otelkit run` says how a run ended, and how long it took."""
    store.set_run("run-1", name="n", state="running", started_ns=START_NS - 10**9, command="python app.py")
    store.write([spans(stage("parse"))])
    clock.advance(60)
    running = the_run(reader)
    store.set_run("run-1", state="failed", exit_code=3, ended_ns=START_NS + 4 * 10**9)
    over = the_run(reader)

    assert (running.state, running.duration_s) == ("running", 61.0)
    assert (over.state, over.exit_code, over.duration_s) == ("failed", 3, 5.0)
    assert over.started_at == "2023-11-14T22:13:19.000000Z"


def test_a_run_whose_starter_was_killed_is_over_in_the_end(store: Store, reader: Reader, clock: ManualClock) -> None:
    """A run that nobody could end any more does not run for ever."""
    store.set_run("run-1", state="running")
    clock.advance(121)

    assert the_run(reader).state == "ended"


def test_progress_total_and_time_left_come_from_the_runs_gauges(
    store: Store, reader: Reader, clock: ManualClock
) -> None:
    """A run that knows its total shows how far it is and when it will be done."""
    store.set_run("run-1", state="running", started_ns=START_NS)
    store.write([number("pipeline.run.progress", 10), number("pipeline.run.total", 400)])
    store.write([number("pipeline.run.progress", 100, at_s=10)])
    clock.advance(10)
    run = the_run(reader)

    assert (run.progress, run.total) == (100, 400)
    assert run.eta_s == pytest.approx(30)


def test_active_calls_and_queues_are_the_last_values_over_all_processes(store: Store, reader: Reader) -> None:
    """What runs and waits now is summed over the workers, and what they said before is forgotten."""
    parse = {"pipeline.stage.name": "parse"}
    queue = {"pipeline.queue.name": "decode->parse"}
    for worker, active in ((1, 2), (2, 3)):
        resource = RESOURCE | {"service.instance.id": f"worker {worker}"}
        store.write([number("pipeline.stage.active", 9, 0, parse, resource, temporality=2)])
        store.write([number("pipeline.stage.active", active, 1, parse, resource, temporality=2)])
    store.write([number("pipeline.queue.depth", 4, 1, queue), number("pipeline.queue.capacity", 100, 1, queue)])
    store.set_run("run-1", state="running")
    running = the_run(reader)
    store.write([spans(stage("parse"))])
    store.set_run("run-1", state="ok")
    over = the_run(reader)

    assert [(row.name, row.calls, row.active, row.depth) for row in running.stages] == [("parse", 0, 5, 4)]
    assert running.queues == (QueueRow("decode->parse", 4, 100),)
    assert [(row.calls, row.active) for row in over.stages] == [(1, 0)]


@pytest.mark.parametrize("temporality", [1, 2], ids=["delta", "cumulative"])
def test_losses_that_senders_report_are_summed(temporality: int, store: Store, reader: Reader) -> None:
    """What was lost is shown with the run, whichever way the counter is sent."""
    values = (5, 2) if temporality == 1 else (5, 7)
    for second, value in enumerate(values):
        for reason in ("buffer_full", "spool_full"):
            store.write(
                [
                    number(
                        "otelkit.telemetry.lost",
                        value,
                        second,
                        {"signal": "traces", "reason": reason},
                        None,
                        temporality,
                    )
                ]
            )

    assert the_run(reader).lost == 14
    assert reader.runs()[0].lost == 14


def test_losses_are_told_by_run_signal_and_reason(store: Store, reader: SqliteReader) -> None:
    """Summed over the run's processes; the newest run first, and a run without any is not among them."""

    def lost(value: float, second: float, signal: str, reason: str, run_id: str, process: int) -> None:
        resource = RESOURCE | {"pipeline.run.id": run_id, "process.pid": process}
        said = {"signal": signal, "reason": reason}
        store.write([number("otelkit.telemetry.lost", value, second, said, resource, 2)])

    lost(5, 0, "traces", "buffer_full", "one", 1)
    lost(2, 0, "traces", "buffer_full", "one", 2)
    lost(1, 0, "logs", "exit_limit", "one", 1)
    lost(3, 50, "metrics", "rejected", "two", 1)
    lost(0, 60, "metrics", "rejected", "three", 1)

    assert [(row.run_id, row.signal, row.reason, row.count) for row in reader.losses()] == [
        ("two", "metrics", "rejected", 3),
        ("one", "logs", "exit_limit", 1),
        ("one", "traces", "buffer_full", 7),
    ]
    assert [row.run_id for row in reader.losses(limit=1)] == ["two"]
    assert {row.when for row in reader.losses()} == {run.started_at for run in reader.runs() if run.id != "three"}


def test_runs_come_newest_first_and_by_unique_prefix(store: Store, reader: Reader) -> None:
    """The list begins with the latest run; a few letters of an id are enough where they are enough."""
    for index, run_id in enumerate(("abc-1", "abd-2", "xyz")):
        store.write([spans(stage("parse", index), resource={"pipeline.run.id": run_id})])

    assert [run.id for run in reader.runs()] == ["xyz", "abd-2", "abc-1"]
    assert [run.id for run in reader.runs(limit=1)] == ["xyz"]
    assert the_run(reader, "abd").id == "abd-2"
    assert reader.run("ab") is None
    assert reader.run("") is None
    assert reader.run("nothing") is None
    assert reader.runs()[0].stages == ()


def test_an_id_that_begins_another_is_found_exactly(store: Store, reader: Reader) -> None:
    """A whole id is that run, even if other ids begin with it."""
    for run_id in ("run", "run-2"):
        store.write([spans(SpanOf(), resource={"pipeline.run.id": run_id})])

    assert the_run(reader, "run").id == "run"


def test_stage_names_made_from_data_do_not_fill_the_table(store: Store, reader: Reader) -> None:
    """A thousand stages are enough; the calls of all further ones are counted together."""
    store.write([spans(*(stage(f"file {index}") for index in range(1_200)))])
    stages = {row.name: row.calls for row in the_run(reader).stages}

    assert len(stages) == 1_001
    assert stages["(other)"] == 200


def test_counts_survive_a_restart_of_the_writer(store: Store, reader: Reader, clock: ManualClock) -> None:
    """A receiver that is started again goes on counting where the other stopped."""
    slow = stage("parse", 0, 5.0, item="slow.py")
    store.write([spans(slow, stage("parse", 0, 0.1, item="a.py", error="bad")), log()])
    store.close()
    again = open_store(store.path, clock)
    again.write([spans(stage("parse", 1, 0.2, item="b.py"), *(stage("parse", 1) for _ in range(98)))])
    run = the_run(reader)
    again.close()

    assert (run.stages[0].calls, run.stages[0].failed, run.spans, run.logs) == (101, 1, 101, 1)
    assert run.slowest is not None
    assert run.slowest.item == "slow.py"
    assert run.last_failed is not None
    assert run.last_failed.item == "a.py"


def test_stages_stand_in_the_order_in_which_they_began(store: Store, reader: Reader) -> None:
    """As the pipeline runs, not by the alphabet, and not by which call happened to end first."""
    store.write([spans(stage("write", 3), stage("parse", 2))])
    store.write([spans(stage("all", 1, 9.0), stage("write", 5))])

    assert [row.name for row in the_run(reader).stages] == ["all", "parse", "write"]


def test_items_that_failed_in_calls_that_succeeded_are_told_apart(store: Store, reader: Reader) -> None:
    """A block that writes fifteen rows, one of which is refused, is a good call with a failed item."""
    items = {"pipeline.items.ok": 12, "pipeline.items.failed": 1, "pipeline.items.skipped": 2}
    store.write([spans(stage("write", attributes=items))])
    row = the_stage(reader, "write")

    assert (row.calls, row.failed, row.items, row.items_failed, row.items_skipped) == (1, 0, 15, 1, 2)
