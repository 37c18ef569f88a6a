"""Items on their way to another process: the span that put one is pickled beside it, and the item comes out as it went in."""

from __future__ import annotations

import sys
import threading
from typing import Any

from opentelemetry.trace import SpanContext, TraceFlags, TraceState

# Any below: the items of the user's queues.
_Packed = tuple[int, int, int, str]
"""Trace id, span id, trace flags, tracestate."""

_arrived = threading.local()


def fits(queue: Any) -> bool:
    """Return whether items of this queue can travel in parcels: it is multiprocessing's, with the ``put`` it came with."""
    module = sys.modules.get("multiprocessing.queues")
    if module is None:
        return False
    stock = (module.Queue.put, module.JoinableQueue.put, module.SimpleQueue.put)
    if not isinstance(queue, module.Queue | module.SimpleQueue) or type(queue).put not in stock:
        return False
    # One that looks at items which can't be pickled would be shown the parcel.
    on_error = getattr(type(queue), "_on_queue_feeder_error", None)
    return on_error is getattr(module.Queue, "_on_queue_feeder_error", None) or isinstance(queue, module.SimpleQueue)


class Parcels:
    """Has the same methods as `Waybills`. No state: what is on its way is in the pipe."""

    def send(self, item: Any, context: SpanContext | None) -> Any:
        """Return what to put."""
        return item if context is None else Parcel(item, context)

    def withdraw(self, item: Any) -> None:
        """Do nothing: what could not be put is gone."""

    def expect(self) -> None:
        """Forget what was taken past the watched object."""
        _arrived.packed = None

    def receive(self, item: Any) -> SpanContext | None:
        """Return the span that put the item which was unpickled last in this thread; None if it came without one."""
        packed: _Packed | None = getattr(_arrived, "packed", None)
        if packed is None:
            return None
        _arrived.packed = None
        trace_id, span_id, flags, state = packed
        return SpanContext(
            trace_id,
            span_id,
            is_remote=True,
            trace_flags=TraceFlags(flags),
            trace_state=TraceState.from_header([state]),
        )


class Parcel:
    """An item with the span that put it. Is never unpickled as itself: whoever receives it gets the item."""

    __slots__ = ("_context", "_item")

    def __init__(self, item: Any, context: SpanContext) -> None:
        self._item = item
        self._context = context

    def __reduce__(self) -> tuple[Any, ...]:
        context = self._context
        return _unpacked, (
            self._item,
            (context.trace_id, context.span_id, int(context.trace_flags), context.trace_state.to_header()),
        )


def _unpacked(item: Any, packed: _Packed) -> Any:
    _arrived.packed = packed
    return item
