"""Judge, buffer and ring together on the path of real spans: nothing goes uncounted, and memory is what the settings say."""

from __future__ import annotations

import gc
import random
import tracemalloc
from collections.abc import Sequence

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Status, StatusCode

import otelkit
from otelkit import names
from otelkit.sampling.classes import Allowance, KeepPolicy
from otelkit.sampling.judgement import Judge
from otelkit.sampling.ring import Ring
from otelkit.sampling.tail import OtelkitTail
from otelkit.sampling.trace_buffer import BufferLimits
from otelkit.sampling.tracestate import threshold_of
from otelkit.spans.ended import Ended
from otelkit.spans.light_span import LightSpan
from otelkit.testing import FakeClock, Recorder
from tests.sampling.test_ring import Asked
from tests.sampling.test_tail_in_chain import file, recorded
from tests.sampling.traces import SECOND

MIB = 1024 * 1024


def tail(trigger: Asked, clock: FakeClock, *, exact: int = 0, ring_bytes: int = MIB) -> OtelkitTail:
    policy = KeepPolicy(normal=Allowance(0.2, 0.0), budget_per_window=exact)
    limits = BufferLimits(bytes=MIB, spans=5_000, traces=1_000, age_s=30)
    return OtelkitTail(Judge(policy), limits, retention=Ring(5 * SECOND, ring_bytes, 5_000, [trigger]), clock=clock)


def reasons(spans: Sequence[Ended]) -> list[object]:
    return [(span.attributes or {}).get(names.SAMPLING_REASON) for span in map(readable, spans) if span.parent is None]


def readable(span: Ended) -> ReadableSpan:
    return span.readable() if isinstance(span, LightSpan) else span


@pytest.mark.parametrize("exact", [0, 7])
def test_the_account_sums_up_while_spans_are_retained_and_brought_back(exact: int) -> None:
    """Created is delivered, dropped or pending, whatever waits in the buffer, in the window or in the ring."""
    chance = random.Random(5)
    trigger, clock = Asked(), FakeClock()
    sampler = tail(trigger, clock, exact=exact)
    with recorded(sampler) as path:
        for number in range(600):
            file(number)
            clock.advance(0.03)
            if number % 33 == 0:
                trigger.wanted = chance.random() < 0.4
                path.chain.tick(clock.now_ns())
            assert path.sums_up
            assert path.ledger.counts("traces").pending == sampler.step.held()
        path.chain.close(1.0)

    counts = path.ledger.counts("traces")
    said = reasons(path.delivered)
    assert path.sums_up
    assert (counts.pending, counts.delivered) == (0, len(path.delivered))
    assert said.count("retroactive") > 20
    assert said.count("error") > 0
    assert counts.dropped > 100


def test_what_comes_back_says_no_probability_and_the_rest_its_own() -> None:
    """Retroactive traces have no ``th`` on any span; all others have one on each."""
    trigger, clock = Asked(), FakeClock()
    with recorded(tail(trigger, clock)) as path:
        for number in range(1, 60):
            file(number)
        trigger.wanted = True
        path.chain.tick(clock.now_ns())
        path.chain.close(1.0)

    spans = [readable(span) for span in path.delivered]
    back = {
        span.context.trace_id
        for span in spans
        if (span.attributes or {}).get(names.SAMPLING_REASON) == "retroactive" and span.context
    }
    assert len(back) > 20
    for span in spans:
        assert span.context is not None
        assert (threshold_of(span.context.trace_state) is None) == (span.context.trace_id in back)


def test_the_ring_takes_no_more_memory_than_it_may() -> None:
    """With attributes and errors on them, by tracemalloc: at most a tenth more than the setting."""
    trigger, clock = Asked(), FakeClock()
    ring = Ring(600 * SECOND, 2 * MIB, 10**6, [trigger])
    policy = KeepPolicy(error=Allowance(0.0, 0.0), rare=Allowance(0.0, 0.0), normal=Allowance(0.0, 0.0))
    limits = BufferLimits(bytes=MIB, spans=5_000, traces=1_000, age_s=30)
    sampler = OtelkitTail(Judge(policy), limits, retention=ring, clock=clock)

    @otelkit.stage("inner")
    def inner(number: int) -> None:
        span = trace.get_current_span()
        span.set_attribute("payload", f"{number:06}" * 50)
        span.set_status(Status(StatusCode.ERROR, "bad"))

    @otelkit.stage("outer")
    def outer(number: int) -> None:
        inner(number)

    with recorded(sampler) as path, Recorder(sampler=sampler) as recorder:
        recorder._chain.run = path.ended  # type: ignore[method-assign] # the recorder's own knows no account
        for number in range(200):
            outer(number)
        recorder.calls.clear()
        gc.collect()
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            for number in range(6_000):
                outer(number)
            recorder.calls.clear()
            gc.collect()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

        assert 0.9 * 2 * MIB < ring.held_bytes() <= 2 * MIB
        # The rest is what the step remembers of 1,000 traces, at 220 bytes each.
        assert after - before <= 1.1 * 2 * MIB + 0.25 * MIB
        assert path.sums_up
