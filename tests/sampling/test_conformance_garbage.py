"""Any garbage in `tracestate`: nothing raises, nothing is made up, and what is other people's stays."""

from __future__ import annotations

import logging
import re

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    TraceState,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from otelkit.sampling import tracestate
from otelkit.sampling.ratio import OtelkitRatio

GARBAGE = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def _header(value: str, pairs: list[tuple[str, str]]) -> str:
    return ",".join([*(f"{key}={text}" for key, text in pairs[:2]), f"ot={value}", *(f"{k}={t}" for k, t in pairs[2:])])


thresholds = st.integers(0, tracestate.SCALE - 1)
trace_ids = st.integers(1, (1 << 128) - 1)
probabilities = st.floats(0.0, 1.0)

_hex = st.text("0123456789abcdef", min_size=0, max_size=16)
members = st.one_of(
    st.builds("th:{}".format, _hex),
    st.builds("rv:{}".format, _hex),
    st.sampled_from(
        ["th:", "rv:", "th", "rv", "TH:8", "th:8 ", " th:8", "th:C", "th:0x8", "p:8", "r:62", "", ":", "th::8"]
    ),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters=",="), max_size=20),
)
ot_values = st.lists(members, max_size=5).map(";".join)
vendors = st.from_regex(r"[a-z][a-z0-9_\-*/]{0,8}", fullmatch=True).filter(lambda key: key != "ot")
others = st.lists(st.tuples(vendors, st.from_regex(r"[!-+\--<>-~]{1,12}", fullmatch=True)), max_size=4)
headers = st.one_of(st.text(max_size=300), st.builds(_header, ot_values, others))


@pytest.fixture(autouse=True)
def the_api_may_complain(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenTelemetry logs what it throws away of a header; that is not what is tested here."""
    monkeypatch.setattr(logging.getLogger("opentelemetry.trace.span"), "disabled", True)


def extracted(header: str, trace_id: int, sampled: bool) -> SpanContext:
    """Return the remote parent as the W3C propagator reads it."""
    carrier = {"traceparent": f"00-{trace_id:032x}-00000000000000aa-0{int(sampled)}", "tracestate": header}
    context = TraceContextTextMapPropagator().extract(carrier, context=Context())
    return get_current_span(context).get_span_context()


def ot_members(state: TraceState | None) -> list[str]:
    return (state or {}).get("ot", "").split(";")


@GARBAGE
@given(thresholds)
@example(0)
@example(1)
@example(tracestate.SCALE - 1)
def test_every_threshold_is_written_and_read_back(threshold: int) -> None:
    """In 1 to 14 lower-case digits without trailing zeros."""
    text = tracestate.threshold_text(threshold)

    assert re.fullmatch(r"0|[0-9a-f]{0,13}[1-9a-f]", text)
    assert tracestate.threshold_of(TraceState([("ot", f"th:{text}")])) == threshold


@GARBAGE
@given(probabilities, probabilities)
@example(5e-324, 0.0)
@example(1.0, 1.0 - 2**-53)
def test_a_greater_probability_never_has_a_greater_threshold(one: float, other: float) -> None:
    """So that whatever is kept at the smaller one is kept at the greater one."""
    low, high = sorted((one, other))

    assert 0 <= tracestate.threshold_for(high) <= tracestate.threshold_for(low) <= tracestate.SCALE
    assert (tracestate.threshold_for(low) == tracestate.SCALE) == (low == 0)


@GARBAGE
@given(ot_values, trace_ids)
def test_th_and_rv_are_what_the_grammar_says_or_nothing(value: str, trace_id: int) -> None:
    """Compared with a reading of the grammar that is written another way."""
    state = TraceState([("ot", value)])
    readable = ot_members(state)
    th = [member[3:] for member in readable if member[:3] == "th:"]
    rv = [member[3:] for member in readable if member[:3] == "rv:"]
    lower = set("0123456789abcdef")
    good_th = len(th) == 1 and 1 <= len(th[0]) <= 14 and set(th[0]) <= lower
    good_rv = len(rv) == 1 and len(rv[0]) == 14 and set(rv[0]) <= lower

    assert tracestate.threshold_of(state) == (int(th[0], 16) << 4 * (14 - len(th[0])) if good_th else None)
    assert tracestate.randomness(trace_id, state) == (int(rv[0], 16) if good_rv else trace_id % 2**56)


@GARBAGE
@given(headers, trace_ids, st.booleans(), probabilities)
def test_below_a_parent_with_any_header_its_decision_stands(
    header: str, trace_id: int, sampled: bool, ratio: float
) -> None:
    """The remote parent's flag is believed, no `th` comes into being, and one that is left explains the decision."""
    parent = extracted(header, trace_id, sampled)
    context = set_span_in_context(NonRecordingSpan(parent), Context())
    answer = OtelkitRatio(ratio).should_sample(context, trace_id, "s")

    assert (answer.decision is Decision.RECORD_AND_SAMPLE) == sampled
    left = tracestate.threshold_of(answer.trace_state)
    assert left in (None, tracestate.threshold_of(parent.trace_state))
    if left is not None:
        assert (tracestate.randomness(trace_id, answer.trace_state) >= left) == sampled
    assert tracestate.has_threshold(answer.trace_state) == (left is not None)


@GARBAGE
@given(headers, trace_ids, st.booleans())
@example("v1=x,ot=k:a ;th:zz,v2=y", 1, True)
@example("ot=;th:zz;", 1, True)
def test_what_is_not_th_stays_as_it_is(header: str, trace_id: int, sampled: bool) -> None:
    """Other vendors' entries, their order, and every other member of `ot`."""
    before = extracted(header, trace_id, sampled).trace_state
    parent = NonRecordingSpan(extracted(header, trace_id, sampled))
    after = OtelkitRatio(0.5).should_sample(set_span_in_context(parent, Context()), trace_id, "s").trace_state or {}

    assert [(k, v) for k, v in after.items() if k != "ot"] == [(k, v) for k, v in before.items() if k != "ot"]

    def rest(state: TraceState) -> list[str]:
        return [member.strip() for member in ot_members(state) if member.strip() and not member.startswith("th:")]

    assert rest(after) == rest(before)


@GARBAGE
@given(headers, trace_ids, thresholds)
@example("v1=x,ot=k:a ;th:zz,v2=y", 1, 0)
def test_a_threshold_that_is_put_in_is_the_only_one(header: str, trace_id: int, threshold: int) -> None:
    """Into any tracestate, however full: it reads back, and the randomness stays what it was."""
    before = extracted(header, trace_id, True).trace_state
    after = tracestate.with_threshold(before, threshold)

    assert tracestate.threshold_of(after) == threshold
    assert tracestate.randomness(trace_id, after) == tracestate.randomness(trace_id, before)
    assert next(iter(after)) == "ot"
    assert len(after) <= 32
    assert len(after["ot"]) <= 256


@pytest.mark.parametrize("entries", [0, 1, 31, 32])
@pytest.mark.parametrize("value", ["", "k:" + "x" * 254, "rv:6e6d1a75832a2f;k:" + "x" * 230, "th:8;k:" + "y" * 249])
def test_a_threshold_finds_room_in_a_full_tracestate(entries: int, value: str) -> None:
    """32 entries and 256 characters are W3C's limits; beyond them the whole header would be lost."""
    pairs = [(f"v{number}", "x") for number in range(entries - bool(value))]
    state = TraceState([*pairs, ("ot", value)] if value else pairs)
    after = tracestate.with_threshold(state, 0xC0000000000000)

    assert tracestate.threshold_of(after) == 0xC0000000000000
    assert tracestate.randomness(1, after) == tracestate.randomness(1, state)
    assert len(after) == min(32, len(pairs) + 1)
