"""Heartbeats as OpenTelemetry events."""

from __future__ import annotations

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import set_span_in_context

from otelkit.logs.heartbeat_events import HeartbeatEvents, record_of
from otelkit.model.heartbeats import Heartbeat
from otelkit.testing import FakeClock
from otelkit.testing.clock import START_NS
from tests.logs.exported import Exports

WHOLE = Heartbeat(
    "enhance", "audio", 20.4, 3, "big.wav", (5, 1, 0), 7, 8, sampled=True, run_id="run-1", run_done=4, run_total=10
)


def test_a_heartbeat_is_an_event_of_the_calls_span() -> None:
    """With all that the embedded store and people look for."""
    exports = Exports()
    HeartbeatEvents(exports.provider, ("otelkit", "1"), FakeClock()).tell([WHOLE])
    exported = exports.only()
    record = exported.log_record

    assert (record.event_name, record.body) == ("pipeline.stage.heartbeat", "enhance has been running for 20 s")
    assert (record.trace_id, record.span_id, record.trace_flags, record.timestamp) == (7, 8, 1, START_NS)
    assert exported.instrumentation_scope.name == "otelkit"
    assert record.attributes == {
        "pipeline.name": "audio",
        "pipeline.stage.name": "enhance",
        "pipeline.stage.elapsed_s": 20.4,
        "pipeline.stage.active": 3,
        "pipeline.items.ok": 5,
        "pipeline.items.failed": 1,
        "pipeline.item.id": "big.wav",
        "pipeline.run.id": "run-1",
        "pipeline.run.progress": 4,
        "pipeline.run.total": 10,
    }


def test_what_is_not_known_is_left_out() -> None:
    """Without a trace, also where a span is current on the thread that tells."""
    context = set_span_in_context(TracerProvider(shutdown_on_exit=False).get_tracer("t").start_span("other"), Context())
    with trace.use_span(trace.get_current_span(context)):
        record = record_of(Heartbeat("enhance", "audio", 10.0, 1), 1)

    assert (record.trace_id, record.span_id, record.trace_flags) == (0, 0, 0)
    assert set(record.attributes or {}) == {
        "pipeline.name", "pipeline.stage.name", "pipeline.stage.elapsed_s", "pipeline.stage.active",
    }  # fmt: skip


def test_what_can_not_be_written_is_made_so() -> None:
    """A file name that is not UTF-8 costs no record."""
    record = record_of(Heartbeat("st\udcffage", "audio", 10.0, 1, item="big\udcff.wav"), 1)
    attributes = dict(record.attributes or {})

    assert (attributes["pipeline.item.id"], attributes["pipeline.stage.name"]) == ("big\\udcff.wav", "st\\udcffage")
    assert str(record.body).encode()
