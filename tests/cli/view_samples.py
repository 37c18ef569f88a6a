"""Runs and traces to draw, and a reader that has them in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from otelkit.model.calls import AttributeValue
from otelkit.model.views import EventView, ItemRef, LogView, QueueRow, RunRow, SpanView, StageRow, TraceView

RUN_ID = "9f3a21c4d5e6f708a1b2c3d4e5f60718"
TRACE_ID = "1b2c3d4e5e6f708a1b2c3d4e5f60718a"
START_NS = 1_795_000_000_000_000_000
MS = 1_000_000
BAD_FILE = "/usr/lib/python3.11/lib2to3/tests/data/py2_test_grammar.py"
ERROR = "Missing parentheses in call to 'print'. Did you mean print(...)?"
TRACEBACK = f"""Traceback (most recent call last):
  File "/home/me/app/steps.py", line 31, in parse
    return ast.parse(source)
  File "/usr/lib/python3.11/ast.py", line 50, in parse
    return compile(source, filename, mode, flags,
  File "py2_test_grammar.py", line 31
    print "x"
SyntaxError: {ERROR}
"""

STAGES = (
    StageRow("discover", 1, 0, 8301, 1.21, 1.21, 0.09, "syntax", 1, 0.0, 96.0),
    StageRow("read", 4812, 0, 4812, 210e-6, 1.3e-3, 0.11, "syntax", 0, 241.0, 241.0),
    StageRow("parse", 4811, 12, 4811, 4.1e-3, 18e-3, 3.91, "syntax", 4, 240.4, 240.4),
    StageRow("extract", 4799, 0, 4799, 1.9e-3, 9.9e-3, 0.97, "syntax", 0, 239.0, 239.0),
    StageRow("store", 4790, 0, 4790, 88e-6, 240e-6, 0.05, "syntax", 0, 239.0, 239.0),
)

RUN = RunRow(
    id=RUN_ID,
    name="nightly",
    state="running",
    started_at="2026-11-21T11:51:21Z",
    duration_s=83.2,
    spans=19_213,
    lost=0,
    stages=STAGES,
    progress=4790,
    total=8301,
    eta_s=41.0,
    slowest=ItemRef("parse", "/usr/lib/python3.11/test/test_typing.py", RUN_ID, "a" * 16, 0.412),
    last_failed=ItemRef("parse", BAD_FILE, TRACE_ID, "c" * 16, 0.001, f"SyntaxError: {ERROR}"),
    queues=(QueueRow("extract->store", 61, 64), QueueRow("spill", 3, None)),
    logs=17,
)

ENDED = replace(
    RUN,
    state="failed",
    exit_code=1,
    progress=8301,
    eta_s=None,
    # Of a run that is over the store tells the rates of all of it.
    stages=tuple(replace(stage, calls_per_s=stage.calls / 83.2, items_per_s=stage.items / 83.2) for stage in STAGES),
)


def span(
    span_id: str,
    parent: str | None,
    name: str,
    start_ms: float = 0.0,
    duration_ms: float = 1.0,
    *,
    status: str = "ok",
    attributes: Mapping[str, AttributeValue] | None = None,
    events: Sequence[EventView] = (),
    stage: bool = True,
    **more: Any,  # Any: other fields of SpanView
) -> SpanView:
    """Build a span; ids are padded to 16 digits."""
    facts: dict[str, AttributeValue] = {"pipeline.stage.name": name, "pipeline.name": "syntax"} if stage else {}
    return SpanView(
        span_id.ljust(16, "0"),
        None if parent is None else parent.ljust(16, "0"),
        name,
        START_NS + int(start_ms * MS),
        int(duration_ms * MS),
        status,
        facts | dict(attributes or {}),
        tuple(events),
        (),
        {"service.name": "syntax-pipeline", "service.instance.id": "one"},
        **more,
    )


def exception(at_ms: float, message: str = ERROR, kind: str = "SyntaxError") -> EventView:
    """Build an exception event."""
    attributes = {"exception.type": kind, "exception.message": message, "exception.stacktrace": TRACEBACK}
    return EventView("exception", START_NS + int(at_ms * MS), attributes)


def log(at_ms: float, span_id: str | None, body: str, severity: str = "INFO") -> LogView:
    """Build a log line of a span."""
    padded = None if span_id is None else span_id.ljust(16, "0")
    return LogView(START_NS + int(at_ms * MS), TRACE_ID, padded, severity, body, {})


def failing_trace() -> TraceView:
    """Return the trace of a file that does not parse: analyse → read → open, parse; three log lines."""
    item = {"pipeline.item.id": BAD_FILE}
    return TraceView(
        TRACE_ID,
        (
            span("a", None, "analyse", 0, 14.1, status="error", attributes=item, events=[exception(13.9)]),
            span("b", "a", "read", 0.2, 1.3, attributes={**item, "file.size": 33612}),
            span("e", "b", "open", 0.3, 0.4, stage=False),
            span(
                "c",
                "a",
                "parse",
                1.6,
                12.2,
                status="error",
                attributes={**item, "error.type": "SyntaxError", "syntax.bytes": 33612},
                events=[exception(13.7)],
            ),
        ),
        (
            log(1.55, "b", "read 33612 bytes, encoding utf-8"),
            log(5, "c", "invalid escape sequence in line 12", "WARNING"),
            log(14, "a", f"could not analyse {BAD_FILE}", "ERROR"),
        ),
    )


def large_trace(files: int = 5000, failing_every: int = 500, logs_every: int = 10) -> TraceView:
    """Return one run's trace: a root and two spans for each file; some files fail, some have a log line."""
    spans = [span("f" * 16, None, "nightly", 0, files * 2.0, stage=False)]
    logs = []
    for number in range(files):
        item = {"pipeline.item.id": f"/data/file_{number}.py"}
        failed = number % failing_every == failing_every - 1
        status = "error" if failed else "ok"
        begin, length = number * 2.0, 0.5 + (number * 7919 % 1000) / 1000
        outer, inner = f"a{number:015x}", f"b{number:015x}"
        spans.append(span(outer, "f" * 16, "analyse", begin, length, status=status, attributes=item))
        events = [exception(begin + length)] if failed else []
        spans.append(span(inner, outer, "parse", begin, length, status=status, attributes=item, events=events))
        if number % logs_every == 0:
            logs.append(log(begin, inner, f"parsed file {number}"))
    return TraceView(RUN_ID, tuple(spans), tuple(logs))


class MemoryReader:
    """A `Reader` over runs and traces in memory; runs come newest first."""

    def __init__(self, runs: Sequence[RunRow] = (RUN,), traces: Sequence[TraceView] = ()) -> None:
        self.all_runs = list(runs)
        self.all_traces = list(traces)
        self.exported: list[dict[str, Any]] = []
        self.asked_to_export: list[str | None] = []
        self.closed = False

    def runs(self, limit: int = 20) -> list[RunRow]:
        return [replace(run, stages=(), queues=(), slowest=None, last_failed=None) for run in self.all_runs[:limit]]

    def run(self, run_id: str) -> RunRow | None:
        found = [run for run in self.all_runs if run.id.startswith(run_id)]
        return found[0] if len(found) == 1 else None

    def trace(self, trace_id: str) -> TraceView | None:
        found = [trace for trace in self.all_traces if trace.trace_id.startswith(trace_id)]
        return found[0] if len(found) == 1 else None

    def export(self, run_id: str | None = None) -> Iterator[dict[str, Any]]:
        self.asked_to_export.append(run_id)
        yield from self.exported

    def stats(self) -> Mapping[str, int]:
        return {}

    def close(self) -> None:
        self.closed = True
