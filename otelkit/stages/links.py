"""Links from the stage that takes an item out of a watched queue to the span that put it in.

The stage is the one that is current while ``get`` returns, else the next one opened in the same task or thread: whoever opens
calls asks for its links with `take`, as long as `waiting` is set.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections import deque
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Final

from opentelemetry.trace import SpanContext, get_current_span

from otelkit.stages.calls import current_call

waiting = False
"""Whether there may be links to `take`: true once this process watches a queue."""

_MOST: Final = 128
"""Links kept for the next stage, the newest; OpenTelemetry's own default limit of links per span."""


class _Received:
    """What a task or thread has received outside any stage. Belongs to it alone, no lock."""

    __slots__ = ("links", "owner")

    def __init__(self, owner: object) -> None:
        self.owner = owner
        self.links: deque[SpanContext] = deque(maxlen=_MOST)


_received: ContextVar[_Received | None] = ContextVar("otelkit-received", default=None)


def begin() -> None:
    """Note that this process watches a queue."""
    global waiting
    waiting = True


def producer() -> SpanContext | None:
    """Return the span that puts an item now: the current stage's, else the current one; None if it is not recorded."""
    call = current_call()
    span = get_current_span() if call is None else call.span
    context = span.get_span_context()
    return context if context.is_valid and context.trace_flags.sampled else None


def receive(context: SpanContext) -> None:
    """Link the stage that takes an item now to the span that put it."""
    call = current_call()
    if call is not None:
        # What a stage hands to itself has no other producer.
        if call.span.get_span_context().span_id != context.span_id:
            call.span.add_link(context)
        return
    received = _received.get()
    if received is None or not _is_here(received):
        received = _Received(_here())
        _received.set(received)
    received.links.append(context)


def take() -> Sequence[SpanContext]:
    """Return the links of a stage call that opens now, oldest first; the next call gets none of them."""
    received = _received.get()
    if received is None:
        return ()
    _received.set(None)
    # A task starts with a copy of what its maker had; that stays the maker's.
    return received.links if _is_here(received) else ()


def _here() -> object:
    """Return what tells this task or thread from any other, without keeping a task alive."""
    task = _task()
    return threading.get_ident() if task is None else weakref.ref(task)


def _is_here(received: _Received) -> bool:
    task, owner = _task(), received.owner
    if task is None:
        return owner == threading.get_ident()
    return isinstance(owner, weakref.ref) and owner() is task


def _task() -> object | None:
    # Not imported for this question: nobody is in a task before asyncio is imported, which takes a while.
    asyncio = sys.modules.get("asyncio.tasks")
    if asyncio is None:
        return None
    # `current_task` alone raises where no event loop runs, which costs more than all the rest.
    loop = asyncio.events._get_running_loop()
    task: object | None = None if loop is None else asyncio.current_task(loop)
    return task
