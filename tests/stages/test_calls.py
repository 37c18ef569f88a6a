"""A stage call from its start to its end."""

from __future__ import annotations

import queue
import threading

import otelkit
from otelkit import names
from otelkit.stages.calls import current_call
from otelkit.testing import FakeClock, Recorder
from tests.waiting import wait_until


def test_a_generators_consumer_does_not_make_it_work() -> None:
    """The time between two values is told apart: the stage was blocked, its consumer was at work."""
    clock = FakeClock()

    @otelkit.stage("read")
    def read() -> object:
        for number in range(2):
            clock.advance(1)
            yield number

    with Recorder(clock=clock) as recorder:
        for _ in read():  # type: ignore[attr-defined]  # it is a generator
            clock.advance(10)

    (call,) = recorder.calls
    assert (call.duration_ns, call.blocked_ns, call.waited_ns) == (22_000_000_000, 20_000_000_000, 0)
    assert (recorder.span("read").attributes or {})[names.STAGE_BLOCKED_S] == 20.0


def test_waiting_for_a_watched_queue_is_told_apart(recorder: Recorder) -> None:
    """In the stage that waits, and in no other."""
    jobs = otelkit.watch(queue.Queue[int](1), "jobs")

    @otelkit.stage("consume")
    def consume() -> int:
        return jobs.get()

    @otelkit.stage("produce")
    def produce() -> None:
        wait_until(lambda: jobs.not_empty._waiters)  # type: ignore[attr-defined]  # the condition the consumer waits on
        threading.Event().wait(0.002)
        jobs.put(1)

    consumer = threading.Thread(target=consume)
    consumer.start()
    produce()
    consumer.join()
    by_name = {call.stage.name: call for call in recorder.calls}

    assert by_name["consume"].waited_ns >= 2_000_000
    assert by_name["consume"].blocked_ns == 0
    assert names.STAGE_WAIT_S in (recorder.span("consume").attributes or {})
    assert by_name["produce"].waited_ns == 0
    assert by_name["produce"].blocked_ns < by_name["produce"].duration_ns


def test_the_current_call_is_that_of_the_code_that_asks(recorder: Recorder) -> None:
    """The innermost one; none outside."""
    assert current_call() is None
    with otelkit.stage("outer"):
        outer = current_call()
        with otelkit.stage("inner"):
            inner = current_call()
            assert inner is not None
            assert not inner.outermost
            assert inner.enclosing is outer
        assert current_call() is outer
        assert outer is not None
        assert outer.outermost

    assert outer is not inner
