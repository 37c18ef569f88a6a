"""Links from the stage that takes an item out of a watched queue to the span that put it in.

The stage is the one that is current while ``get`` returns, else the next one opened in the same task or thread: whoever opens
calls asks for its links with `take`, as long as `waiting` is set. Time spent at queues outside any stage finds its stage the
same way: that of a ``get`` is the next stage's, that of a ``put`` the last one's.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import weakref
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from opentelemetry.trace import Span, SpanContext, get_current_span

from otelkit.stages import measures
from otelkit.stages.calls import current_call
from otelkit.stages.queue_times import GET, StageKey, Waiter
from otelkit.stages.stage_times import key_of

if TYPE_CHECKING:
    from otelkit.model.calls import StageCall

waiting = False
"""Whether there may be links to `take`: true once this process watches a queue."""

_MOST: Final = 128
"""Links kept for the next stage, the newest; OpenTelemetry's own default limit of links per span."""


class Place:
    """A task or a thread: what it took from queues outside any stage, and the stage it was in last. It is alone: no lock."""

    __slots__ = ("_links", "_owner", "_waits_ns", "last_stage")

    def __init__(self, task: object | None) -> None:
        # Without keeping the task alive: its context holds this.
        self._owner: object = threading.get_ident() if task is None else weakref.ref(task)
        self._links: deque[SpanContext] = deque(maxlen=_MOST)
        self._waits_ns: dict[str, int] = {}
        self.last_stage: StageKey | None = None

    def is_of(self, task: object | None) -> bool:
        """Return whether it is that of this task, or without one of this thread."""
        owner = self._owner
        if task is None:
            return owner == threading.get_ident()
        return isinstance(owner, weakref.ref) and owner() is task

    def receive(self, context: SpanContext) -> None:
        """Keep a link for the next stage."""
        self._links.append(context)

    def wait(self, queue: str, waited_ns: int) -> None:
        """Keep time that was spent waiting for an item of this queue for the next stage."""
        self._waits_ns[queue] = self._waits_ns.get(queue, 0) + waited_ns

    def links(self) -> Sequence[SpanContext]:
        """Return the links kept so far, and keep them no longer."""
        if not self._links:
            return ()
        links, self._links = self._links, deque(maxlen=_MOST)
        return links

    def waits_ns(self) -> Mapping[str, int]:
        """Return the waits kept so far, by queue, and keep them no longer."""
        waits_ns, self._waits_ns = self._waits_ns, {}
        return waits_ns


_place: ContextVar[Place | None] = ContextVar("otelkit-place", default=None)


def begin() -> None:
    """Note that this process watches a queue."""
    global waiting
    waiting = True


def forget() -> None:
    """Forget what this task or thread took so far: before otelkit was installed, or in the process it was forked from."""
    _place.set(None)


def place() -> Place:
    """Return that of the current task or thread."""
    found, task = _place.get(), _task()
    # A task begins with a copy of its maker's variables; what the maker took stays the maker's.
    if found is None or not found.is_of(task):
        found = Place(task)
        _place.set(found)
    return found


def current_stage() -> StageCall | None:
    """Return the stage call whose code runs here; None also where its context has outlived it, in a thread it has started."""
    call = current_call()
    return call if call is not None and call.duration_ns < 0 else None


def span_of(call: StageCall) -> Span:
    """Return the span of an open call."""
    return get_current_span(call.scope)


def producer(call: StageCall | None) -> SpanContext | None:
    """Return the span that puts an item now: that of the current call, else the current span; None if it is not recorded."""
    if call is not None:
        return span_of(call).get_span_context() if call.sampled else None
    context = get_current_span().get_span_context()
    return context if context.is_valid and context.trace_flags.sampled else None


def receive(context: SpanContext, call: StageCall | None, place: Place | None) -> None:
    """Link the stage call that took an item, or the next one in its place, to the span that put it."""
    if call is None or call.duration_ns >= 0:
        if place is not None:
            place.receive(context)
    elif call.span_id != context.span_id:  # what a stage hands to itself has no other producer
        span_of(call).add_link(context)


def take() -> Iterable[SpanContext]:
    """Return the links of a stage call that opens now, oldest first; the next call gets none of them."""
    found = _place.get()
    return found.links() if found is not None and found.is_of(_task()) else ()


def opened(call: StageCall) -> None:
    """Give a call that has just opened, and is not current yet, the links and the waits that are its own. Never raises."""
    with contextlib.suppress(Exception):
        for producer in take():
            receive(producer, call, None)
        around = current_stage()
        if around is not None:  # it is the stage around it that puts and gets between its calls
            _share(around, call)
        else:
            here, key = place(), key_of(call)
            if here.last_stage is not None and here.last_stage != key:
                measures.times.crews.note(here.last_stage, key)
            here.last_stage = key
            for queue, wait_ns in here.waits_ns().items():
                measures.times.queue(queue).side(GET).add(Waiter(key, inside=False), wait_ns)


def _share(around: StageCall, call: StageCall) -> None:
    """Note that the worker of a call runs the one inside it, too; not where that is in a thread that the call has begun."""
    crews = measures.times.crews
    if not crews.knows(around.series, call.series):
        found = _place.get()
        if found is not None and found.last_stage == key_of(around) and found.is_of(_task()):
            crews.note_nested(around.series, call.series)


def _task() -> object | None:
    # Not imported for this question: nobody is in a task before asyncio is imported, which takes a while.
    asyncio = sys.modules.get("asyncio.tasks")
    if asyncio is None:
        return None
    # `current_task` alone raises where no event loop runs, which costs more than all the rest.
    loop = asyncio.events._get_running_loop()
    task: object | None = None if loop is None else asyncio.current_task(loop)
    return task
