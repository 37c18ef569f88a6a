"""structlog's events: ids of the current span on each, and export of those that do not pass the standard library's logging."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, MutableMapping
from typing import Any, Final

from otelkit._guard import Barrier
from otelkit.logs.correlation import add_ids
from otelkit.logs.handler import OtelkitHandler
from otelkit.logs.wrapped_method import WrappedMethod

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "err": logging.ERROR,
    "error": logging.ERROR,
    "exception": logging.ERROR,
    "failure": logging.ERROR,
    "critical": logging.CRITICAL,
    "fatal": logging.CRITICAL,
}
"""By the name of the method that was called; whatever else it is called counts as INFO."""

Event = MutableMapping[str, Any]  # Any: whatever a program logs


class StructlogEvents:
    """Makes structlog part of the picture, whatever processors and loggers a program configures and whenever it does.

    Every event gets ``trace_id`` and ``span_id``, before the program's own processors see it. An event that goes to structlog's
    own loggers (``PrintLogger`` …) is also exported, as the program's processors have left it for the last one, which renders
    it: what they drop or mask stays so. Events that go to the standard library's loggers are exported from there, once.

    Args:
        handler: Exports events; None: nothing is exported here.
        ids: Whether events get ids.
    """

    def __init__(self, handler: OtelkitHandler | None, *, ids: bool = True) -> None:
        self._handler = handler
        self._ids = ids
        self._barrier = Barrier("structlog events")
        self._method: WrappedMethod | None = None

    def install(self, structlog: Any) -> None:  # Any: the module, which need not be installed
        """Take part from now on. ``structlog`` is the module; repeated calls do nothing."""
        base = getattr(structlog, "BoundLoggerBase", None)
        if self._method is None and isinstance(base, type) and hasattr(base, "_process_event"):
            # Named with an underscore, but documented: it is what wrapper classes of a program's own build upon.
            self._method = WrappedMethod(base, "_process_event", self._process_event)
            self._method.wrap()

    def uninstall(self) -> None:
        """Undo `install`."""
        if self._method is not None:
            self._method.unwrap()
            self._method = None

    def _process_event(self, original: Callable[..., Any], bound: Any, *args: Any, **kwargs: Any) -> Any:
        # Any: as structlog's method.
        if not self._barrier.off:
            try:
                bound = self._with_ours(bound)
            except Exception as error:  # noqa: BLE001 - the program's logger class may forbid copies or changes
                self._barrier.fault(error, "take part")
            else:
                self._barrier.success("take part")
        # Outside: what the program's own processors raise is the program's.
        return original(bound, *args, **kwargs)

    def _with_ours(self, bound: Any) -> Any:  # Any: a bound logger of any class
        """Return a copy of a bound logger that has our processors among its own."""
        processors = list(getattr(bound, "_processors", ()))
        # Without any, an event goes as keywords to a logger that may not know ours.
        if not processors:
            return bound
        first = [add_ids] if self._ids else []
        own_logger = not isinstance(getattr(bound, "_logger", None), logging.Logger)
        seen = [self._export] if own_logger and self._handler is not None else []
        # A copy, because bound loggers are shared by threads.
        with_ours = copy.copy(bound)
        with_ours._processors = [*first, *processors[:-1], *seen, processors[-1]]
        return with_ours

    def _export(self, logger: object, method_name: str, event: Event) -> Event:
        """Export an event; a processor like any other, which changes nothing and never raises."""
        try:
            handler = self._handler
            level = _LEVELS.get(method_name, logging.INFO)
            if handler is not None and level >= handler.level:
                name = event.get("logger")
                record = logging.LogRecord(name if isinstance(name, str) else "structlog", level, "", 0, "", None, None)
                record.msg = {"event": "", **event}  # as structlog's own `wrap_for_formatter` does
                handler.send(record)
        except Exception as error:  # noqa: BLE001 - the program's event may be of any make
            self._barrier.fault(error, "export")
        return event
