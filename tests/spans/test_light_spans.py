"""What opens stage calls: who sees them, what they leave behind, and what a fork makes of them."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import gc
import logging
import tracemalloc
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, DEFAULT_ON, Decision, StaticSampler
from opentelemetry.trace import NonRecordingSpan, SpanContext, StatusCode, set_span_in_context

import otelkit
from otelkit import _guard
from otelkit.model.calls import StageCall
from otelkit.spans.light_span import LightSpan
from otelkit.testing import Recorder
from tests.forking import in_child
from tests.spans.side_by_side import SideBySide, told

pytestmark = pytest.mark.sdk


class Guest(SpanProcessor):
    """A span processor of the program's own."""

    def __init__(self) -> None:
        self.started: list[tuple[Any, Any]] = []
        self.ended: list[ReadableSpan] = []

    def on_start(self, span: Any, parent_context: Context | None = None) -> None:
        self.started.append((span.name, parent_context))

    def on_end(self, span: ReadableSpan) -> None:
        self.ended.append(span)


class Broken(Guest):
    """One that fails whenever it is asked."""

    def on_start(self, span: Any, parent_context: Context | None = None) -> None:
        super().on_start(span, parent_context)
        raise RuntimeError("broken")

    def on_end(self, span: ReadableSpan) -> None:
        super().on_end(span)
        raise RuntimeError("broken")


@contextmanager
def by_reference_counts_alone() -> Iterator[None]:
    """Without the garbage collector, so that what stays is held by something, or by itself."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def work(both: SideBySide, context: Context | None = None, error: BaseException | None = None) -> None:
    """One call with all that a call can have."""
    span = both.ours(context)
    span.describe("item", [("pipeline.argument.x", 1)])
    span.set_attribute("a", [1])
    span.add_event("event", {"b": 1})
    span.add_link(span.get_span_context())
    inner = both.ours(span.scope)
    inner.close(error)
    span.close(error)


# -- guests ------------------------------------------------------------------------------------------------------------


def test_processors_of_the_programs_see_stages_start_and_end() -> None:
    """Once each, in the context of the start, and as the SDK's spans at the end."""
    both, guest = SideBySide(), Guest()
    both.light.admit([guest])
    context = set_span_in_context(NonRecordingSpan(SpanContext(1, 2, is_remote=True)), Context())
    span = both.ours(context)
    assert (guest.started, guest.ended) == ([("parse", context)], [])
    span.close()
    span.close()
    (ended,) = guest.ended

    assert isinstance(ended, ReadableSpan)
    assert told(ended) == told(span.readable())
    assert ended.end_time is not None


def test_a_processor_may_set_attributes_at_the_start() -> None:
    """As those that copy baggage do."""

    class Baggage(Guest):
        def on_start(self, span: Any, parent_context: Context | None = None) -> None:
            span.set_attributes({"user": 7, "had": len(span.attributes), "root": span.parent is None})

    both = SideBySide()
    both.light.admit([Baggage()])
    span = both.ours()
    span.close()

    attributes = span.readable().attributes or {}
    assert (attributes["user"], attributes["had"], attributes["root"]) == (7, 4, True)


class Unreadable(list[int]):
    """What a describer may have returned: it fails when it is looked at."""

    def __iter__(self) -> Iterator[int]:
        raise OSError("the file is gone")


def test_a_described_value_that_cannot_be_looked_at_costs_itself_only() -> None:
    """Processors of the program's get the span without it, and its other values as the SDK keeps them."""
    both, guest = SideBySide(), Guest()
    both.light.admit([guest])
    span = both.ours()
    span.describe(None, [("bad", Unreadable([1])), ("good", [1, 2]), ("plain", 3)])
    span.close()

    attributes = guest.ended[0].attributes or {}
    assert ("bad" in attributes, attributes["good"], attributes["plain"]) == (False, (1, 2), 3)


def test_a_span_that_cannot_be_read_does_not_reach_the_programs_code(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its call is over all the same; the processors miss this one."""
    both, guest = SideBySide(), Guest()
    both.light.admit([guest])
    with monkeypatch.context() as patch:
        patch.setattr(LightSpan, "all_attributes", lambda span: 1 / 0)
        both.ours().close()
    both.ours().close()

    assert (len(both.ended), len(guest.ended)) == (2, 1)
    assert [record.getMessage() for record in caplog.records] == [
        "reading on the span of the stage 'parse' failed: ZeroDivisionError"
    ]


@pytest.mark.parametrize("kind", [SimpleSpanProcessor, BatchSpanProcessor])
def test_stock_processors_export_stages(kind: Any) -> None:
    """Those that the SDK brings get all that they look for."""
    both, exporter = SideBySide(), InMemorySpanExporter()
    processor = kind(exporter)
    both.light.admit([processor])
    work(both, error=ValueError("wrong"))
    processor.force_flush()
    inner, outer = exporter.get_finished_spans()
    processor.shutdown()

    assert inner.parent == outer.context
    assert inner.status.status_code is StatusCode.ERROR
    assert '"parse"' in outer.to_json()


def test_a_processor_that_raises_costs_neither_the_program_nor_the_others(caplog: pytest.LogCaptureFixture) -> None:
    """The stock SDK would let it through to the user's code. It is named once, and switched off when it goes on."""
    both, broken, guest = SideBySide(), Broken(), Guest()
    both.light.admit([broken, guest])
    with caplog.at_level(logging.WARNING, "otelkit.guard"):
        for _ in range(20):
            work(both)

    assert (len(guest.started), len(guest.ended)) == (40, 40)
    assert len(broken.started) + len(broken.ended) == _guard.Barrier.LIMIT
    assert [record.getMessage().split(" in ")[0] for record in caplog.records[:2]] == [
        "span processor Broken (distribution tests) failed"
    ] * 2
    assert "switched off" in caplog.records[-1].getMessage()


def test_a_processor_that_fails_now_and_then_is_not_switched_off() -> None:
    """Ten faults in a row are too many, ten faults in a day are not."""

    class Moody(Guest):
        def on_end(self, span: ReadableSpan) -> None:
            super().on_end(span)
            if len(self.ended) % 3 == 0:
                raise RuntimeError("moody")

    both, moody = SideBySide(), Moody()
    both.light.admit([moody])
    for _ in range(60):
        both.ours().close()

    assert len(moody.ended) == 60


def test_another_processor_does_not_make_a_broken_one_whole() -> None:
    """Who is admitted later changes nothing for those who are here."""
    both, broken = SideBySide(), Broken()
    both.light.admit([broken])
    for _ in range(20):
        both.ours().close()
    asked = len(broken.started)
    both.light.admit([broken, Guest()])
    both.ours().close()

    assert len(broken.started) == asked


def test_processors_see_what_is_only_recorded_and_not_what_is_dropped() -> None:
    """As in the SDK: the former is for them alone."""
    seen = []
    for sampler in (StaticSampler(Decision.RECORD_ONLY), ALWAYS_OFF):
        both, guest = SideBySide(sampler), Guest()
        both.light.admit([guest])
        both.ours().close()
        seen.append((len(guest.started), [span.context.trace_flags for span in guest.ended if span.context]))

    assert seen == [(1, [0]), (0, [])]


def test_a_span_that_was_ended_early_is_seen_to_end_once() -> None:
    """With the time of its end, when its stage ends."""
    both, guest = SideBySide(), Guest()
    both.light.admit([guest])
    span = both.ours()
    span.end(end_time=span.start_unix_ns + 5)
    span.close()
    (ended,) = guest.ended

    assert ended.end_time == span.start_unix_ns + 5


# -- forks -------------------------------------------------------------------------------------------------------------


def test_a_child_ends_nothing_that_its_parent_has_begun() -> None:
    """The stage in which a process is forked goes on in the child as well, and is counted once, by the parent."""
    with Recorder() as recorder:

        def ended() -> list[str]:
            return [span.name for span in recorder.spans]

        with otelkit.stage("around"):

            def child() -> object:
                span: Any = trace.get_current_span()
                span.set_attribute("from", "the child")
                with otelkit.stage("inside"):
                    pass
                return [span.is_recording(), ended()]

            with otelkit.stage("within"):
                inside = in_child(child)
        below = in_child(lambda: len(recorder.runtime.series()))

    assert inside == [False, ["inside"]]
    assert ended() == ["within", "around"]
    assert "from" not in (recorder.span("within").attributes or {})
    assert below == 0


def test_a_childs_stages_have_ids_of_their_own() -> None:
    """Two children that were forked at the same moment do not make the same ids."""
    both = SideBySide(ids=RandomIdGenerator)
    ids = [in_child(lambda: [both.ours().trace_id, both.ours().span_id]) for _ in range(3)]
    ids.append([both.ours().trace_id, both.ours().span_id])

    assert len({each for pair in ids for each in pair}) == 8


# -- memory ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [None, ValueError("wrong")])
def test_an_ended_call_is_freed_at_once(error: BaseException | None) -> None:
    """No cycle keeps it until the garbage collector comes."""
    both = SideBySide()
    both.light.ended = lambda call: None
    work(both, error=error)
    with by_reference_counts_alone():
        before = len(gc.get_objects())
        for _ in range(1000):
            work(both, error=error)
        left = len(gc.get_objects()) - before

    # One object a call would be a thousand; threads that other tests have left may make some meanwhile.
    assert left < 500


def spans_alive() -> list[LightSpan]:
    return [each for each in gc.get_objects() if type(each) is LightSpan]


def test_stages_of_all_kinds_leave_nothing(recorder: Recorder) -> None:
    """Functions, generators and coroutines, failing ones too: their calls are gone when they have been settled."""

    @otelkit.stage
    def plain(fail: bool) -> None:
        if fail:
            raise ValueError("wrong")

    @otelkit.stage
    def values() -> Iterator[int]:
        yield from range(3)

    @otelkit.stage
    async def later() -> None:
        await asyncio.sleep(0)
        list(values())

    @otelkit.stage
    async def stream() -> AsyncIterator[int]:
        for number in range(3):
            yield number

    async def gather() -> None:
        await asyncio.gather(*(later() for _ in range(5)))
        assert [number async for number in stream()] == [0, 1, 2]
        left_early: Any = stream()
        assert await anext(left_early) == 0
        await left_early.aclose()
        cancelled = asyncio.ensure_future(later())
        await asyncio.sleep(0)
        cancelled.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await cancelled
        del cancelled

    with by_reference_counts_alone():
        with otelkit.stage("ours"):
            ours: Any = trace.get_current_span()
            # What other tests have left comes and goes meanwhile.
            owner = ours.owner
        del ours
        for number in range(20):
            with contextlib.suppress(ValueError):
                plain(number % 2 == 0)
            list(values())
            next(values())
        asyncio.run(gather())
        recorder.calls.clear()
        recorder.spans.clear()
        left = [span for span in spans_alive() if span.owner is owner]

    assert left == []


def test_a_chain_of_tasks_does_not_hold_its_ancestors(recorder: Recorder) -> None:
    """Each task is started by the one before, and all of them see what was current there: a service may go on so for ever."""
    alive: list[int] = []

    @otelkit.stage
    def step(loop: asyncio.AbstractEventLoop, left: int) -> None:
        recorder.calls.clear()
        recorder.spans.clear()
        alive.append(len(spans_alive()))
        if left:
            loop.call_soon(step, loop, left - 1)
        else:
            loop.call_soon(loop.stop)

    with by_reference_counts_alone():
        loop = asyncio.new_event_loop()
        loop.call_soon(step, loop, 50)
        loop.run_forever()
        loop.close()

    assert max(alive[5:]) <= min(alive) + 2


def test_the_span_of_another_instrumentation_is_let_go() -> None:
    """What stages are below is remembered to be decided on once, but only the last of them."""
    both = SideBySide()
    held: list[weakref.ref[object]] = []
    for number in range(3):
        around = NonRecordingSpan(SpanContext(1, number + 1, is_remote=True))
        held.append(weakref.ref(around))
        both.ours(set_span_in_context(around, Context())).close()
        del around
        both.ended.clear()

    assert [each() is not None for each in held] == [False, False, True]


@pytest.mark.parametrize(("kind", "limit_bytes"), [("plain", 500), ("with its item", 500)])
def test_a_span_that_waits_to_be_sent_takes_little_memory(kind: str, limit_bytes: int) -> None:
    """At most 500 bytes each, beside what the program itself has made: the item's text."""
    both = SideBySide(DEFAULT_ON, ids=RandomIdGenerator)
    waiting: collections.deque[StageCall] = collections.deque()
    both.light.ended = waiting.append
    top = both.ours()
    items = [f"file-{number}" for number in range(2000)]

    def call(item: str) -> None:
        span = both.ours(top.scope)
        if kind == "with its item":
            span.describe(item, None)
        span.close()

    for item in items[:200]:
        call(item)
    gc.collect()
    tracemalloc.start()
    try:
        before, count = tracemalloc.get_traced_memory()[0], len(waiting)
        for item in items:
            call(item)
        taken = (tracemalloc.get_traced_memory()[0] - before) / (len(waiting) - count)
    finally:
        tracemalloc.stop()

    assert taken <= limit_bytes, f"{taken:.0f} B"
