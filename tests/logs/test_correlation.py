"""Ids on every log record."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.sdk.trace import TracerProvider

from otelkit.logs import add_ids, correlation
from tests.logs.exported import Exports

tracer = TracerProvider(shutdown_on_exit=False).get_tracer("tests")
FORMAT = logging.Formatter("%(otelTraceID)s %(otelSpanID)s %(otelTraceSampled)s %(otelServiceName)s %(message)s")


@pytest.fixture
def installed() -> Iterator[None]:
    correlation.install("svc")
    yield
    correlation.uninstall()


def made(log: logging.Logger, caplog: pytest.LogCaptureFixture, **kwargs: object) -> logging.LogRecord:
    """Log something and return its record."""
    log.error("x", **kwargs)
    return caplog.records[-1]


@pytest.mark.requirement("LOG-02")
@pytest.mark.usefixtures("installed")
def test_a_record_inside_a_span_carries_its_ids(caplog: pytest.LogCaptureFixture) -> None:
    """Format strings made for OpenTelemetry's own logging instrumentation work."""
    log = logging.getLogger("app")
    with tracer.start_as_current_span("s") as span:
        inside = FORMAT.format(made(log, caplog))
    context = span.get_span_context()

    assert inside == f"{context.trace_id:032x} {context.span_id:016x} True svc x"
    assert FORMAT.format(made(log, caplog)) == "0 0 False svc x"


@pytest.mark.usefixtures("installed")
def test_ids_that_a_program_gives_itself_stay(caplog: pytest.LogCaptureFixture) -> None:
    """With `extra`, where a record factory would make logging raise, and with a record factory."""
    log = logging.getLogger("app")
    factory = logging.getLogRecordFactory()

    def own_factory(*args: object, **kwargs: object) -> logging.LogRecord:
        record = factory(*args, **kwargs)
        record.otelTraceID = "made"
        record.otelSpanID = "elsewhere"
        return record

    with tracer.start_as_current_span("s"):
        by_extra = made(log, caplog, extra={"otelTraceID": "mine", "otelSpanID": "too", "otelServiceName": "me"})
        logging.setLogRecordFactory(own_factory)
        try:
            by_factory = made(log, caplog)
        finally:
            logging.setLogRecordFactory(factory)

    assert (by_extra.otelTraceID, by_extra.otelSpanID, by_extra.otelServiceName) == ("mine", "too", "me")
    assert (by_factory.otelTraceID, by_factory.otelSpanID) == ("made", "elsewhere")


def test_uninstall_leaves_records_as_python_makes_them(caplog: pytest.LogCaptureFixture) -> None:
    """No trace of us is left."""
    before = logging.Logger.makeRecord
    correlation.install()
    correlation.uninstall()

    assert logging.Logger.makeRecord is before
    assert not hasattr(made(logging.getLogger("app"), caplog), "otelTraceID")


def test_structlog_events_carry_the_ids() -> None:
    """With the processor `otelkit.logs.add_ids`; outside a span nothing is added, and what is there stays."""
    captured = structlog.testing.LogCapture()
    log = structlog.wrap_logger(None, processors=[add_ids, captured])
    with tracer.start_as_current_span("s") as span:
        log.info("inside")
        log.info("own", trace_id="mine")
    log.info("outside")
    context = span.get_span_context()
    ids = {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}

    assert captured.entries == [
        {"event": "inside", "log_level": "info", **ids},
        {"event": "own", "log_level": "info", "trace_id": "mine", "span_id": ids["span_id"]},
        {"event": "outside", "log_level": "info"},
    ]


@pytest.mark.usefixtures("installed")
def test_ids_do_not_leak_into_what_another_handler_exports() -> None:
    """Upstream's handler exports everything on a record; on our way out the ids are taken off again."""

    class Strip(LogRecordProcessor):
        def on_emit(self, log_record: ReadWriteLogRecord) -> None:
            correlation.strip_ids(log_record.log_record)

        def shutdown(self) -> None:
            pass

        def force_flush(self, timeout_millis: int = 30000) -> bool:
            return True

    exports = Exports()
    exports.provider.add_log_record_processor(Strip())
    log = logging.getLogger("app.leak")
    handler = LoggingHandler(logger_provider=exports.provider)
    log.addHandler(handler)
    try:
        with tracer.start_as_current_span("s"):
            log.error("x", extra={"kept": 1})
    finally:
        log.removeHandler(handler)

    assert dict(exports.only().log_record.attributes) == {"kept": 1}
