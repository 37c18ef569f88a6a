"""The ring of the last seconds of what was not kept."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pytest
from opentelemetry.trace import TraceState

from otelkit import names
from otelkit.model.calls import AttributeValue
from otelkit.model.traces import EndedSpan, Fingerprint, TraceSummary, Verdict
from otelkit.sampling.ring import Ring
from otelkit.sampling.ring_triggers import ErrorTrigger
from tests.forking import in_child
from tests.sampling.traces import SECOND, fragment

LEFT_OUT = Verdict(False, 5, "normal", 0.1)
KEPT = Verdict(True, 5, "normal", 0.1)


@dataclass(frozen=True)
class FakeSpan:
    """What the ring asks a span."""

    span_id: int = 1
    is_local_root: bool = True
    trace_state: TraceState | None = None
    held_bytes: int = 100
    said: Mapping[str, AttributeValue] | None = None

    def marked(self, trace_state: TraceState | None, attributes: Mapping[str, AttributeValue]) -> FakeSpan:
        return replace(self, trace_state=trace_state, said=attributes)


class Asked:
    """A trigger that asks when it is told to."""

    description = "a test asks"

    def __init__(self) -> None:
        self.wanted = False
        self.answers: list[tuple[int, int]] = []

    def joined(self) -> None:
        pass

    def see_failed(self, trace: TraceSummary) -> None:
        pass

    def asks(self) -> bool:
        wanted, self.wanted = self.wanted, False
        return wanted

    def answered(self, traces: int, spans: int) -> None:
        self.answers.append((traces, spans))

    def in_child(self) -> None:
        self.wanted = False


def spans(*given: FakeSpan) -> Sequence[EndedSpan]:
    return given  # type: ignore[return-value]  # what the ring asks of a span


def ring(trigger: Asked, *, retain_s: float = 5, limit_bytes: int = 10_000, limit_spans: int = 100) -> Ring:
    return Ring(round(retain_s * SECOND), limit_bytes, limit_spans, [trigger])


def take(held: Ring, trigger: Asked, now_ns: int) -> list[FakeSpan]:
    trigger.wanted = True
    return list(held.released(now_ns))  # type: ignore[arg-type]  # they are what was put in


def test_what_was_not_kept_leaves_when_a_trigger_asks() -> None:
    """With the reason `retroactive` on the local root, and without ``th``; other entries of tracestate stay."""
    trigger = Asked()
    held = ring(trigger)
    state = TraceState([("ot", "th:8;rv:00000000000001"), ("other", "x")])
    held.judged(spans(FakeSpan(2, False, state), FakeSpan(1, True, state)), fragment(1), LEFT_OUT, now_ns=SECOND)
    released = take(held, trigger, 2 * SECOND)

    assert [span.said for span in released] == [{}, {names.SAMPLING_REASON: "retroactive"}]
    assert {span.trace_state.to_header() for span in released if span.trace_state} == {"ot=rv:00000000000001,other=x"}
    assert trigger.answers == [(1, 2)]
    assert held.held() == held.held_bytes() == 0


def test_without_a_trigger_nothing_leaves() -> None:
    """It is only held, and counted as held."""
    held = ring(Asked())
    held.judged(spans(FakeSpan()), fragment(1), LEFT_OUT, 0)

    assert held.released(SECOND) == ()
    assert held.held() == 1


def test_what_is_kept_is_not_held() -> None:
    """It has left already."""
    held = ring(Asked())

    held.judged(spans(FakeSpan()), fragment(1), KEPT, 0)

    assert held.held() == 0


def test_what_has_been_held_for_long_enough_is_gone() -> None:
    """Only the last seconds are sent."""
    trigger = Asked()
    held = ring(trigger, retain_s=5)
    held.judged(spans(FakeSpan(1)), fragment(1), LEFT_OUT, 0)
    held.judged(spans(FakeSpan(2)), fragment(2), LEFT_OUT, 3 * SECOND)

    assert [span.span_id for span in take(held, trigger, 6 * SECOND)] == [2]


def test_it_asks_for_each_time_anew() -> None:
    """What was sent is not sent again."""
    trigger = Asked()
    held = ring(trigger)
    held.judged(spans(FakeSpan(1)), fragment(1), LEFT_OUT, 0)
    take(held, trigger, 1)
    held.judged(spans(FakeSpan(2)), fragment(2), LEFT_OUT, 2)

    assert [figure.value for figure in held.figures()] == [1]
    assert [span.span_id for span in take(held, trigger, 3)] == [2]
    assert trigger.answers == [(1, 1), (1, 1)]


@pytest.mark.parametrize(("limit_bytes", "limit_spans"), [(4_000, 10**6), (10**9, 10)])
def test_memory_is_bounded_by_bytes_and_by_spans(limit_bytes: int, limit_spans: int) -> None:
    """Of a thousand spans of 100 bytes, each in a fragment of its own, the ten newest stay; what is too large is not taken."""
    trigger = Asked()
    held = ring(trigger, limit_bytes=limit_bytes, limit_spans=limit_spans)
    for number in range(1000):
        held.judged(spans(FakeSpan(number)), fragment(number), LEFT_OUT, number)
        assert held.held_bytes() <= limit_bytes
        assert held.held() <= limit_spans
    giant = [FakeSpan(number) for number in range(40)]

    held.judged(spans(*giant), fragment(1), LEFT_OUT, 1000)

    assert [span.span_id for span in take(held, trigger, 1001)] == list(range(990, 1000))


def test_an_error_of_a_named_class_sends_what_led_to_it() -> None:
    """Whether the failed trace itself was kept or not; by its qualified name or its last part."""
    for named in ("json.decoder.JSONDecodeError", "JSONDecodeError"):
        for verdict, left in ((KEPT, 1), (LEFT_OUT, 2)):
            held = Ring(5 * SECOND, 10_000, 100, [ErrorTrigger(["OSError", named])])
            held.judged(spans(FakeSpan(1)), fragment(1), LEFT_OUT, 0)
            held.judged(spans(FakeSpan(2)), fragment(2, errors=(Fingerprint("ValueError", "", "s"),)), KEPT, 0)

            assert held.released(1) == ()

            error = Fingerprint("json.decoder.JSONDecodeError", "x.py:1 f", "parse")
            held.judged(spans(FakeSpan(3)), fragment(3, errors=(error,)), verdict, 1)

            assert len(held.released(2)) == left


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_forked_child_holds_nothing_of_its_parent() -> None:
    """What the parent has left out is the parent's to send."""
    trigger = Asked()
    held = ring(trigger)
    held.judged(spans(FakeSpan()), fragment(1), LEFT_OUT, 0)

    assert in_child(held.held) == 0
    assert held.held() == 1
