"""Log records of the standard library → OpenTelemetry log records."""

from __future__ import annotations

import logging
import threading
from typing import Any, Final

from opentelemetry._logs import Logger, LoggerProvider, LogRecord, NoOpLogger
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.trace import get_current_span

from otelkit import names
from otelkit._bounded import BoundedDict
from otelkit._guard import Barrier, in_forked_child
from otelkit.logs.correlation import EVENT_IDS
from otelkit.logs.identity import current_identity
from otelkit.logs.reading import extra_of, message_of, raised_of
from otelkit.logs.severity import severity_number, severity_text
from otelkit.logs.stock_handler import is_stock
from otelkit.logs.tap import RootTap
from otelkit.logs.values import clean_text

_OURS: Final = ("otelkit", "opentelemetry")
"""Loggers that speak of telemetry itself: exporting their records would make more of them."""
_TRANSPORT: Final = ("urllib3", "requests", "httpx", "httpcore", "http", "grpc", "h2", "charset_normalizer")
"""Loggers of what carries telemetry; left out only while they carry it."""
_EXPORT_THREADS: Final = ("otelkit", "Otel")
_MAX_LOGGERS: Final = 1000
_EVENT_NAME: Final = "otel.event.name"


class OtelkitHandler(logging.Handler):
    """Sends log records to an OpenTelemetry logger provider.

    The body is the formatted message, the scope is the logger's name; ``extra`` becomes attributes, an exception
    ``exception.type``, ``.message`` and ``.stacktrace``. Trace and span ids come from the context. Values are bounded (65,536
    characters, 64 entries) and made encodable, so that no record can cost the others of its request.

    Left out: records of ``otelkit`` and ``opentelemetry``, and those of HTTP and gRPC libraries while they export. It stands
    aside while a handler of ``opentelemetry-instrumentation-logging`` (or the SDK's older one) is on the root logger. It never
    raises and never prints.

    `attach` lets it see what the root logger's handlers see without being one of them.

    Args:
        provider: Where records go.
        level: The lowest level sent, as a number or name.
    """

    def __init__(self, provider: LoggerProvider, level: int | str = logging.INFO) -> None:
        super().__init__(level)
        self._tap = RootTap(self)
        self._barrier = Barrier("log export")
        self._in_emit = threading.local()
        self.rebind(provider)
        in_forked_child(self._in_child)

    def rebind(self, provider: LoggerProvider) -> None:
        """Send to another provider from now on: a forked child has its own."""
        self._provider = provider
        self._loggers: BoundedDict[str, Logger] = BoundedDict(_MAX_LOGGERS)

    def attach(self) -> None:
        """See every record that reaches the root logger, from now on. Repeated calls do nothing."""
        self._tap.open()

    def detach(self) -> None:
        """Undo `attach`."""
        self._tap.close()

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record, unless somebody else does."""
        if not _another_exports():
            self.send(record)

    def send(self, record: logging.LogRecord) -> None:
        """Send one record that no other handler sees."""
        # A record that is logged while one is translated (by a __str__, by the SDK) would come back here without end.
        if getattr(self._in_emit, "now", False):
            return
        self._in_emit.now = True
        try:
            if not _is_noise(record.name):
                logger = self._logger(record.name)
                if not isinstance(logger, NoOpLogger):
                    logger.emit(translate(record))
            self._barrier.success()
        except Exception as error:  # noqa: BLE001 - the SDK's processors are strangers here
            self._barrier.fault(error, "emit")
        finally:
            self._in_emit.now = False

    def _in_child(self) -> None:
        # The thread that forked may have been amidst a record, and lives on here.
        self._in_emit = threading.local()

    def _logger(self, name: str) -> Logger:
        logger = self._loggers.get(name)
        if logger is None:
            logger = self._provider.get_logger(name)
            self._loggers.put(name, logger)
        return logger


def translate(record: logging.LogRecord) -> LogRecord:
    """Return the OpenTelemetry record for a standard library one, in the current context."""
    attributes: dict[str, Any] = extra_of(record)  # Any: the SDK's AnyValue
    event_name = attributes.pop(_EVENT_NAME, None)
    span = get_current_span().get_span_context()
    for key, own in zip(EVENT_IDS, (f"{span.trace_id:032x}", f"{span.span_id:016x}"), strict=True):
        # Put there by `add_ids` and structlog's `render_to_log_kwargs`; the record has fields for them.
        if attributes.get(key) == own:
            del attributes[key]
    identity = current_identity()
    for key, value in (
        (names.CORRELATION_ID, identity.correlation_id),
        (names.USER_ID, identity.user_id),
        (names.REQUEST_ID, identity.request_id),
    ):
        if value is not None:
            attributes[key] = clean_text(value)
    raised = raised_of(record)
    if raised is not None:
        attributes[names.EXCEPTION_TYPE] = raised.type
        attributes[names.EXCEPTION_MESSAGE] = raised.message
        attributes[names.EXCEPTION_STACKTRACE] = raised.stacktrace
    return LogRecord(
        timestamp=int(record.created * 1e9),
        severity_text=severity_text(record.levelname),
        severity_number=severity_number(record.levelno),
        body=message_of(record),
        attributes=attributes,
        event_name=event_name if isinstance(event_name, str) else None,
    )


def _is_noise(logger_name: str) -> bool:
    package = logger_name.partition(".")[0]
    if package in _OURS:
        return True
    return package in _TRANSPORT and (
        threading.current_thread().name.startswith(_EXPORT_THREADS) or not is_instrumentation_enabled()
    )


def _another_exports() -> bool:
    """Say whether another handler on the root logger sends records to OpenTelemetry."""
    return any(is_stock(handler) for handler in logging.getLogger().handlers)
