"""The consistent ratio sampler."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Decision, SamplingResult
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from otelkit import names
from otelkit.sampling.ratio import OtelkitRatio
from tests.sampling.binomial import bounds

TRIALS = 20_000
LOW_R = 0x1_00000000000001  # R = 1: kept at 100 % only
HIGH_R = 0x1_FFFFFFFFFFFFFF  # R = 2⁵⁶ - 1: kept at every ratio above 0


def decide(ratio: float, trace_id: int, parent: Context | None = None, **more: Any) -> SamplingResult:
    return OtelkitRatio(ratio).should_sample(parent, trace_id, "s", **more)


def below(trace_id: int, header: str, *, sampled: bool = True, remote: bool = True) -> Context:
    """Return a context below a parent with this tracestate."""
    state = TraceState.from_header([header]) if header else TraceState()
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    return set_span_in_context(NonRecordingSpan(SpanContext(trace_id, 1, remote, flags, state)), Context())


def header_of(result: SamplingResult) -> str:
    return result.trace_state.to_header() if result.trace_state else ""


@pytest.mark.parametrize("ratio", [0.0, 0.001, 0.1, 0.3, 0.5, 0.9, 1.0])
def test_it_keeps_the_share_it_was_asked_for(ratio: float) -> None:
    """Of random traces as many as the binomial allows with an error probability of 1e-6."""
    rng = random.Random(20_261_121)
    sampler = OtelkitRatio(ratio)
    kept = sum(
        sampler.should_sample(None, rng.getrandbits(128), "s").decision is Decision.RECORD_AND_SAMPLE
        for _ in range(TRIALS)
    )
    lowest, highest = bounds(TRIALS, ratio)

    assert lowest <= kept <= highest


def test_the_share_does_not_depend_on_the_upper_bits_of_the_trace_id() -> None:
    """An id generator that puts a timestamp in front (X-Ray's) is sampled as well as any."""
    rng = random.Random(7)
    sampler = OtelkitRatio(0.25)
    kept = sum(
        sampler.should_sample(None, (0x68F00000 << 96) | rng.getrandbits(96), "s").decision
        is Decision.RECORD_AND_SAMPLE
        for _ in range(TRIALS)
    )
    lowest, highest = bounds(TRIALS, 0.25)

    assert lowest <= kept <= highest


def test_counts_computed_back_from_the_kept_traces_are_right() -> None:
    """Weighted by 2⁵⁶ / (2⁵⁶ - T), kept traces stand for all of them."""
    rng = random.Random(11)
    ratio = 0.3
    kept = [r for r in (decide(ratio, rng.getrandbits(128)) for _ in range(TRIALS)) if r.decision.is_sampled()]
    threshold = int(header_of(kept[0]).removeprefix("ot=th:").ljust(14, "0"), 16)
    estimate = len(kept) * 2**56 / (2**56 - threshold)
    lowest, highest = bounds(TRIALS, ratio)

    assert lowest / ratio <= estimate <= highest / ratio


def test_a_trace_kept_at_a_smaller_ratio_is_kept_at_every_greater_one() -> None:
    """Services that sample at different ratios keep the same traces as far as they can."""
    rng = random.Random(13)
    ratios = (0.01, 0.1, 0.5, 0.99, 1.0)
    for _ in range(2000):
        trace_id = rng.getrandbits(128)
        decisions = [decide(ratio, trace_id).decision.is_sampled() for ratio in ratios]

        assert decisions == sorted(decisions)


def test_the_boundary_is_where_the_specification_puts_it() -> None:
    """Keep iff R >= T: at one half, R = 2⁵⁵ is kept and 2⁵⁵ - 1 is not."""
    half = 1 << 55

    assert decide(0.5, (1 << 100) | half).decision is Decision.RECORD_AND_SAMPLE
    assert decide(0.5, (1 << 100) | (half - 1)).decision is Decision.DROP


@pytest.mark.parametrize(("ratio", "th"), [(1.0, "0"), (0.5, "8"), (0.25, "c"), (0.1, "e6666666666666")])
def test_a_kept_trace_says_its_probability(ratio: float, th: str) -> None:
    """In tracestate for the Collector, and on the root span for people; `th:0` at 100 %."""
    result = decide(ratio, HIGH_R, attributes={"a": 1})

    assert header_of(result) == f"ot=th:{th}"
    assert dict(result.attributes) == {"a": 1, names.SAMPLING_REASON: "ratio", names.SAMPLING_RATE: ratio}


def test_a_trace_that_is_not_kept_says_nothing() -> None:
    """Neither attributes nor a threshold."""
    result = decide(0.5, LOW_R, attributes={"a": 1})

    assert (result.decision, dict(result.attributes), header_of(result)) == (Decision.DROP, {}, "")


@pytest.mark.parametrize("remote", [True, False])
@pytest.mark.parametrize("ratio", [0.0, 0.5, 1.0])
def test_children_do_as_their_parent(remote: bool, ratio: float) -> None:
    """Whatever the ratio here: the trace stays whole."""
    kept = decide(ratio, HIGH_R, below(HIGH_R, "ot=th:8", remote=remote), attributes={"a": 1})
    dropped = decide(ratio, LOW_R, below(LOW_R, "ot=th:8", sampled=False, remote=remote))

    assert (kept.decision, header_of(kept), dict(kept.attributes)) == (
        Decision.RECORD_AND_SAMPLE,
        "ot=th:8",
        {"a": 1},
    )
    assert (dropped.decision, header_of(dropped)) == (Decision.DROP, "ot=th:8")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param("", "", id="no tracestate"),
        pytest.param("v=1", "v=1", id="only another vendor"),
        pytest.param("ot=rv:0123456789abcd", "ot=rv:0123456789abcd", id="only randomness"),
        pytest.param("ot=p:8;r:62", "ot=p:8;r:62", id="an older scheme"),
        pytest.param("ot=th:0", "ot=th:0", id="100 %"),
        pytest.param("v1=x,ot=th:8;k:v,v2=y", "v1=x,ot=th:8;k:v,v2=y", id="good among others"),
        pytest.param("v1=x,ot=th:XY;k:v,v2=y", "v1=x,ot=k:v,v2=y", id="malformed"),
        pytest.param("ot=th:123456789abcdef,v=1", "v=1", id="too long, and alone in ot"),
        pytest.param("ot=th:8;th:c;k:v", "ot=k:v", id="twice"),
        pytest.param("ot=rv:00000000000001;th:8,v=1", "ot=rv:00000000000001,v=1", id="contradicted by rv"),
        pytest.param("ot=th:8;rv:zz", "ot=th:8;rv:zz", id="malformed rv: the trace id decides"),
    ],
)
def test_a_sampled_remote_parent_is_kept_and_only_a_wrong_threshold_is_erased(header: str, expected: str) -> None:
    """No `th` is invented, and everything else in tracestate stays untouched."""
    result = decide(0.1, HIGH_R, below(HIGH_R, header))

    assert (result.decision, header_of(result)) == (Decision.RECORD_AND_SAMPLE, expected)


def test_a_threshold_that_the_trace_id_contradicts_is_erased() -> None:
    """R = 1 can't have been kept at one half, so the probability is unknown; the trace is kept all the same."""
    result = decide(1.0, LOW_R, below(LOW_R, "ot=th:8,v=1"))

    assert (result.decision, header_of(result)) == (Decision.RECORD_AND_SAMPLE, "v=1")


def test_an_invalid_parent_is_no_parent() -> None:
    """A context without a trace starts a new one."""
    result = decide(1.0, HIGH_R, below(0, "ot=th:8"))

    assert header_of(result) == "ot=th:0"


@pytest.mark.parametrize("ratio", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_ratio_that_is_no_share_is_refused(ratio: float) -> None:
    """The message says what was found and what was expected."""
    with pytest.raises(ValueError, match="expected a number from 0 to 1"):
        OtelkitRatio(ratio)


class Ids(IdGenerator):
    """Trace ids as told; span ids count."""

    def __init__(self, trace_id: int) -> None:
        self._trace_id = trace_id
        self._span_id = 0

    def generate_span_id(self) -> int:
        self._span_id += 1
        return self._span_id

    def generate_trace_id(self) -> int:
        return self._trace_id


def run(ratio: float, carrier: Mapping[str, str] | None = None) -> tuple[tuple[ReadableSpan, ...], dict[str, str]]:
    """Make a span with a child in the stock SDK; return what was exported and what goes to the next service."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(OtelkitRatio(ratio), id_generator=Ids(HIGH_R), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("t")
    propagator = TraceContextTextMapPropagator()
    onwards: dict[str, str] = {}
    with (
        tracer.start_as_current_span("root", context=propagator.extract(carrier or {}, context=Context())),
        tracer.start_as_current_span("child"),
    ):
        propagator.inject(onwards)
    return exporter.get_finished_spans(), onwards


def test_in_the_sdk_every_span_of_a_kept_trace_carries_the_threshold() -> None:
    """Root, child and the next service agree, and only the root says why it was kept."""
    (child, root), onwards = run(0.25)

    assert [span.context.trace_state.to_header() for span in (root, child)] == ["ot=th:c", "ot=th:c"]
    assert onwards["tracestate"] == "ot=th:c"
    assert onwards["traceparent"].endswith("-01") or onwards["traceparent"].endswith("-03")
    assert root.attributes == {names.SAMPLING_REASON: "ratio", names.SAMPLING_RATE: 0.25}
    assert not child.attributes


def test_in_the_sdk_a_remote_trace_goes_on_with_its_own_tracestate() -> None:
    """A malformed threshold ends here; other vendors' entries travel on."""
    carrier = {"traceparent": f"00-{HIGH_R:032x}-00000000000000aa-01", "tracestate": "v1=x,ot=th:?;k:v"}
    spans, onwards = run(0.0, carrier)

    assert [span.context.trace_state.to_header() for span in spans] == ["v1=x,ot=k:v"] * 2
    assert onwards["tracestate"] == "v1=x,ot=k:v"
