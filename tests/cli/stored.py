"""A real store, filled through the real decoder with requests built by OpenTelemetry's own protobuf classes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otelkit.embedded.store import Store
from otelkit.embedded.wire import decode

NAME = "nightly"
QUEUE = "parse->extract"


def file_name(number: int) -> str:
    """Return the item of a trace."""
    return f"/data/test_{number}.py"


def trace_id(seed: int, number: int) -> str:
    """Return the trace of an item."""
    return f"{seed:08x}{number:024x}"


def write_run(
    folder: Path,
    run_id: str,
    *,
    files: int = 40,
    failing_every: int = 10,
    factor: float = 1.0,
    state: str | None = "ok",
) -> None:
    """Add a run to the store in ``folder``: analyse → read, parse, extract for each file; some do not parse.

    Args:
        folder: Working folder of the commands.
        run_id: Its first letter is the seed of all ids.
        files: Items of the run.
        failing_every: Each of so many does not parse.
        factor: Times as slow.
        state: How it ended; None: it still runs.
    """
    seed = ord(run_id[0])
    store = Store.open(folder / ".otelkit" / "telemetry.db", max_bytes=1 << 30, max_age_s=1e6)
    try:
        start_ns = time.time_ns() - 8_000_000_000
        store.set_run(run_id, name=NAME, state="running", started_ns=start_ns, command="python app.py")
        traces, logs = ExportTraceServiceRequest(), ExportLogsServiceRequest()
        spans_of = traces.resource_spans.add()
        resource = {"service.name": "syntax-pipeline", "service.instance.id": "one", "pipeline.run.id": run_id}
        _attributes(spans_of.resource.attributes, resource)
        spans = spans_of.scope_spans.add()
        logs_of = logs.resource_logs.add()
        logs_of.resource.CopyFrom(spans_of.resource)
        records = logs_of.scope_logs.add()
        for number in range(files):
            failed = number % failing_every == failing_every - 1
            begin = start_ns + number * 100_000_000
            ids = bytes.fromhex(trace_id(seed, number))
            root = _span(spans, ids, 1, None, "analyse", begin, 10 * factor, number, failed=failed)
            _span(spans, ids, 2, root, "read", begin, 1, number)
            parse = _span(spans, ids, 3, root, "parse", begin + 1_000_000, 5 * factor, number, failed=failed)
            if not failed:
                _span(spans, ids, 4, root, "extract", begin + 6_000_000, 2, number)
            record = records.log_records.add()
            record.trace_id, record.span_id, record.time_unix_nano = ids, parse, begin + 2_000_000
            record.severity_number, record.severity_text = (17, "ERROR") if failed else (9, "INFO")
            record.body.string_value = f"{'could not parse' if failed else 'parsing'} {file_name(number)}"
        store.write([decode("traces", traces.SerializeToString()), decode("logs", logs.SerializeToString())])
        store.write([decode("metrics", _gauges(spans_of.resource, files).SerializeToString())])
        if state is not None:
            code = 1 if state == "failed" else 0
            store.set_run(run_id, state=state, exit_code=code, ended_ns=start_ns + 5_000_000_000)
    finally:
        store.close()


def _span(
    scope: Any,  # Any: generated classes have no type hints
    ids: bytes,
    number: int,
    parent: bytes | None,
    name: str,
    begin_ns: int,
    duration_ms: float,
    item: int,
    *,
    failed: bool = False,
) -> bytes:
    span = scope.spans.add()
    span.trace_id, span.span_id, span.name, span.kind = ids, ids[-7:] + bytes([number]), name, 1
    if parent is not None:
        span.parent_span_id = parent
    span.start_time_unix_nano, span.end_time_unix_nano = begin_ns, begin_ns + int(duration_ms * 1e6)
    items = "pipeline.items.failed" if failed else "pipeline.items.ok"
    facts = {"pipeline.stage.name": name, "pipeline.item.id": file_name(item), items: 1}
    if failed:
        facts["error.type"] = "SyntaxError"
        span.status.code = 2
        event = span.events.add()
        event.name, event.time_unix_nano = "exception", span.end_time_unix_nano
        _attributes(
            event.attributes, {"exception.type": "SyntaxError", "exception.message": f"invalid syntax, item {item}"}
        )
    _attributes(span.attributes, facts)
    result: bytes = span.span_id
    return result


def _gauges(resource: Any, files: int) -> ExportMetricsServiceRequest:  # Any: generated classes have no type hints
    request = ExportMetricsServiceRequest()
    of = request.resource_metrics.add()
    of.resource.CopyFrom(resource)
    scope = of.scope_metrics.add()
    for name, value, attributes in (
        ("pipeline.run.progress", files, {}),
        ("pipeline.run.total", files * 2, {}),
        ("pipeline.queue.depth", 61, {"pipeline.queue.name": QUEUE}),
        ("pipeline.queue.capacity", 64, {"pipeline.queue.name": QUEUE}),
    ):
        metric = scope.metrics.add()
        metric.name = name
        point = metric.gauge.data_points.add()
        point.time_unix_nano, point.as_int = time.time_ns(), value
        _attributes(point.attributes, attributes)
    return request


def _attributes(target: Any, attributes: Mapping[str, str | int]) -> None:  # Any: generated classes have no type hints
    for key, value in attributes.items():
        entry = target.add()
        entry.key = key
        if isinstance(value, int):
            entry.value.int_value = value
        else:
            entry.value.string_value = value
