"""How a run's stages spent its time, from their last metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from otelkit import names
from otelkit.embedded.store import open_reader
from otelkit.embedded.wire import Batch
from otelkit.model.views import RunRow
from tests.embedded.telemetry import RESOURCE, number, open_store, spans, stage


def stage_time(name: str, state: str, seconds: float, at_s: float, queue: str | None = None, pid: int = 1) -> Batch:
    attributes: dict[str, Any] = {names.PIPELINE_NAME: "p", names.STAGE_NAME: name, names.STAGE_STATE: state}
    if queue is not None:
        attributes[names.QUEUE_NAME] = queue
    return number(
        names.METRIC_STAGE_TIME, seconds, at_s, attributes, RESOURCE | {names.PROCESS_PID: pid}, temporality=2
    )


def queue_time(name: str, state: str, seconds: float, at_s: float, pid: int = 1) -> Batch:
    attributes = {names.QUEUE_NAME: name, names.QUEUE_STATE: state}
    return number(
        names.METRIC_QUEUE_TIME, seconds, at_s, attributes, RESOURCE | {names.PROCESS_PID: pid}, temporality=2
    )


def the_run(path: Path) -> RunRow:
    reader = open_reader(path)
    run = reader.run("run-1")
    reader.close()
    assert run is not None
    return run


def test_time_is_shared_out_from_the_first_span_to_the_last_metrics(tmp_path: Path) -> None:
    """Summed over processes and queues; a queue's own time is that of the process that waited longest."""
    store = open_store(tmp_path / "telemetry.db")
    store.write([spans(stage("parse", at_s=0.0), stage("read", at_s=1.0))])
    store.write(
        [
            stage_time("parse", "busy", 4.0, 5.0),
            stage_time("parse", "busy", 9.0, 10.0),
            stage_time("parse", "busy", 8.0, 10.0, pid=2),
            stage_time("parse", "starved", 1.0, 10.0, "files"),
            stage_time("parse", "starved", 0.5, 10.0, "more"),
            stage_time("parse", "blocked", 0.5, 10.0, "trees"),
            stage_time("parse", "blocked", 2.0, 10.0),
            number(names.METRIC_QUEUE_DEPTH, 3, 10.0, {names.QUEUE_NAME: "files"}),
            queue_time("files", "full", 6.0, 10.0),
            queue_time("files", "full", 5.0, 10.0, pid=2),
            queue_time("files", "empty", 1.0, 10.0),
        ]
    )
    store.close()
    run = the_run(tmp_path / "telemetry.db")
    parse, read = (next(row for row in run.stages if row.name == name) for name in ("parse", "read"))
    (files,) = run.queues

    assert run.measured_s == pytest.approx(10.0)
    assert (parse.working, parse.starved, parse.blocked) == pytest.approx((1.7, 0.15, 0.25))
    assert (parse.takes_from, parse.puts_into, parse.processes) == (("files", "more"), ("trees",), 2)
    assert (files.full, files.empty) == pytest.approx((0.6, 0.1))
    assert (read.working, read.starved, read.blocked, read.takes_from) == (None, None, None, ())


def test_stages_that_share_workers_know_each_other(tmp_path: Path) -> None:
    """Also by way of a third one, and from several processes."""
    store = open_store(tmp_path / "telemetry.db")
    names_of_stages = ("read", "parse", "check", "extract", "store")
    store.write([spans(*(stage(name) for name in names_of_stages))])
    store.write([stage_time(name, "busy", 1.0, 10.0) for name in names_of_stages])
    for pid, one, other in ((1, "parse", "check"), (2, "extract", "check"), (1, "read", "store")):
        attributes = {names.PIPELINE_NAME: "p", names.STAGE_NAME: one, names.STAGE_OTHER: other}
        store.write([number(names.METRIC_STAGE_SHARED, 1, 10.0, attributes, RESOURCE | {names.PROCESS_PID: pid})])
    store.close()

    assert {row.name: row.shares_with for row in the_run(tmp_path / "telemetry.db").stages} == {
        "read": ("store",),
        "parse": ("check", "extract"),
        "check": ("extract", "parse"),
        "extract": ("check", "parse"),
        "store": ("read",),
    }


def test_without_such_metrics_nothing_is_said(tmp_path: Path) -> None:
    """A program of the stock SDK, or one whose metrics are off."""
    store = open_store(tmp_path / "telemetry.db")
    store.write([spans(stage("parse")), number(names.METRIC_QUEUE_DEPTH, 3, 10.0, {names.QUEUE_NAME: "files"})])
    store.close()
    run = the_run(tmp_path / "telemetry.db")

    assert run.measured_s is None
    assert [row.working for row in run.stages] == [None]
    assert [(row.full, row.empty) for row in run.queues] == [(None, None)]
