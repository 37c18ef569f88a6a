"""structlog's events."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from opentelemetry.sdk.trace import TracerProvider

from otelkit import _guard
from otelkit.logs import OtelkitHandler
from otelkit.logs.structlog_events import StructlogEvents
from tests.logs.exported import Exports

tracer = TracerProvider(shutdown_on_exit=False).get_tracer("tests")


@pytest.fixture
def exports() -> Exports:
    return Exports()


@pytest.fixture
def installed(exports: Exports) -> Iterator[OtelkitHandler]:
    before = structlog.BoundLoggerBase.__dict__["_process_event"]
    handler = OtelkitHandler(exports.provider)
    events = StructlogEvents(handler)
    events.install(structlog)
    events.install(structlog)
    yield handler
    events.uninstall()
    assert structlog.BoundLoggerBase.__dict__["_process_event"] is before


def printing(*processors: Any) -> tuple[Any, io.StringIO]:
    """Return a logger of structlog's own kind that prints JSON, and where it prints."""
    out = io.StringIO()
    return (
        structlog.wrap_logger(
            structlog.PrintLogger(out),
            wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
            processors=[*processors, structlog.processors.JSONRenderer()],
        ),
        out,
    )


@pytest.mark.requirement("LOG-02")
@pytest.mark.usefixtures("installed")
def test_an_event_carries_ids_and_is_exported(exports: Exports) -> None:
    """Without a word in the program's configuration."""
    log, out = printing(structlog.processors.add_log_level, structlog.processors.TimeStamper())
    with tracer.start_as_current_span("s") as span:
        log.bind(path="a.py").warning("parsed", rows=3)
    printed = json.loads(out.getvalue())
    exported = exports.only()
    record = exported.log_record
    context = span.get_span_context()

    assert (printed["event"], printed["path"], printed["rows"]) == ("parsed", "a.py", 3)
    assert (printed["trace_id"], printed["span_id"]) == (f"{context.trace_id:032x}", f"{context.span_id:016x}")
    assert (record.body, record.severity_text, record.trace_id) == ("parsed", "WARN", context.trace_id)
    assert dict(record.attributes) == {"path": "a.py", "rows": 3}
    assert exported.instrumentation_scope.name == "structlog"


@pytest.mark.usefixtures("installed")
def test_what_the_programs_processors_drop_or_mask_is_not_exported(exports: Exports) -> None:
    """They were put there for a reason."""

    def mask(logger: object, method: str, event: dict[str, Any]) -> dict[str, Any]:
        if event["event"] == "noise":
            raise structlog.DropEvent
        return {**event, "password": "***"}

    log, out = printing(mask)
    log.info("login", password="hunter2")
    log.info("noise")

    assert [dict(record.log_record.attributes) for record in exports.all()] == [{"password": "***"}]
    assert "hunter2" not in out.getvalue()


@pytest.mark.usefixtures("installed")
def test_an_exception_is_exported_as_one(exports: Exports) -> None:
    """With type, message and stack trace, whether the renderer or a processor would have formatted it."""
    log, _ = printing()
    try:
        raise ValueError("no")
    except ValueError as error:
        log.exception("failed")
        log.error("failed", exc_info=error)

    for record in exports.all():
        attributes = record.log_record.attributes

        assert (attributes["exception.type"], attributes["exception.message"]) == ("ValueError", "no")
        assert record.log_record.severity_text == "ERROR"


@pytest.mark.parametrize(
    "last", [structlog.stdlib.ProcessorFormatter.wrap_for_formatter, structlog.stdlib.render_to_log_kwargs]
)
def test_an_event_for_the_standard_library_is_exported_once(
    last: Any, installed: OtelkitHandler, exports: Exports
) -> None:
    """From there, and with ids all the same."""
    installed.attach()
    log = structlog.wrap_logger(
        logging.getLogger("app.steps"),
        wrapper_class=structlog.stdlib.BoundLogger,
        processors=[last],
    )
    try:
        with tracer.start_as_current_span("s"):
            log.error("parsed", rows=3)
    finally:
        installed.detach()

    assert exports.bodies() == ["parsed"]
    assert dict(exports.only().log_record.attributes) == {"rows": 3}


@pytest.mark.usefixtures("installed")
def test_events_below_the_level_are_printed_only(exports: Exports) -> None:
    """The setting `log_level` holds here, too."""
    log, out = printing()
    log.debug("details")

    assert "details" in out.getvalue()
    assert exports.bodies() == []


@pytest.mark.usefixtures("installed")
def test_a_logger_without_processors_gets_what_it_always_got() -> None:
    """Its keywords are its own."""

    class Own:
        def info(self, *, event: str, rows: int) -> tuple[str, int]:
            return event, rows

    log = structlog.wrap_logger(Own(), wrapper_class=structlog.BoundLogger, processors=[])
    with tracer.start_as_current_span("s"):
        assert log.info("parsed", rows=3) == ("parsed", 3)


@pytest.mark.usefixtures("installed")
def test_the_programs_own_errors_pass_through(exports: Exports) -> None:
    """A processor that raises raises."""

    def broken(logger: object, method: str, event: dict[str, Any]) -> dict[str, Any]:
        raise KeyError("mine")

    log, _ = printing(broken)
    with pytest.raises(KeyError, match="mine"):
        log.info("x")

    assert exports.bodies() == []


class Unwilling(structlog.BoundLogger):
    """A program's own wrapper class that can't be copied."""

    def __copy__(self) -> Unwilling:
        raise TypeError("one of a kind")


@pytest.mark.usefixtures("installed")
def test_a_logger_that_cannot_be_copied_logs_as_ever(
    exports: Exports, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It goes without our part, which is said once."""
    monkeypatch.setattr(_guard, "reraise_in_tests", False)
    out = io.StringIO()
    log = structlog.wrap_logger(
        structlog.PrintLogger(out), wrapper_class=Unwilling, processors=[structlog.processors.JSONRenderer()]
    )
    with caplog.at_level(logging.WARNING, "otelkit.guard"):
        for _ in range(3):
            log.info("parsed", rows=3)

    assert [json.loads(line) for line in out.getvalue().splitlines()] == [{"event": "parsed", "rows": 3}] * 3
    assert ["one of a kind" in record.getMessage() for record in caplog.records] == [True]
    assert exports.bodies() == []
