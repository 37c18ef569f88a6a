"""The specification's own examples of thresholds and randomness, and another implementation's decisions.

Source: OpenTelemetry specification, "TraceState: Probability Sampling", "TraceState Handling", and OTEP 235.
"""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace._sampling_experimental import composable_traceid_ratio_based, composite_sampler
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState, set_span_in_context

from otelkit.sampling import tracestate
from otelkit.sampling.ratio import OtelkitRatio

# 1-in-N, and for the precisions 3, 4 and 5: the threshold, the probability that it really is, the exact adjusted count.
TABLE = [
    (1, ("0", 1, 1), ("0", 1, 1), ("0", 1, 1)),
    (2, ("8", 0.5, 2), ("8", 0.5, 2), ("8", 0.5, 2)),
    (
        3,
        ("aab", 0.333251953125, 3.0007326007326007),
        ("aaab", 0.3333282470703125, 3.00004577706569),
        ("aaaab", 0.33333301544189453, 3.0000028610256777),
    ),
    (4, ("c", 0.25, 4), ("c", 0.25, 4), ("c", 0.25, 4)),
    (
        5,
        ("ccd", 0.199951171875, 5.001221001221001),
        ("cccd", 0.1999969482421875, 5.0000762951094835),
        ("ccccd", 0.19999980926513672, 5.0000047683761295),
    ),
    (8, ("e", 0.125, 8), ("e", 0.125, 8), ("e", 0.125, 8)),
    (
        10,
        ("e66", 0.10009765625, 9.990243902439024),
        ("e666", 0.100006103515625, 9.99938968568813),
        ("e6666", 0.10000038146972656, 9.999961853172863),
    ),
    (16, ("f", 0.0625, 16), ("f", 0.0625, 16), ("f", 0.0625, 16)),
    (
        100,
        ("fd71", 0.0099945068359375, 100.05496183206107),
        ("fd70a", 0.010000228881835938, 99.99771123402633),
        ("fd70a4", 0.009999990463256836, 100.00009536752259),
    ),
    (
        1_000,
        ("ffbe7", 0.0010004043579101562, 999.5958055290753),
        ("ffbe77", 0.0009999871253967285, 1000.012874769029),
        ("ffbe76d", 0.000999998301267624, 1000.0016987352618),
    ),
    (
        10_000,
        ("fff972", 0.00010001659393310547, 9998.340882002383),
        ("fff9724", 0.00010000169277191162, 9999.830725674266),
        ("fff97247", 0.00010000006295740604, 9999.99370426336),
    ),
    (
        100_000,
        ("ffff584", 9.998679161071777e-06, 100013.21013412817),
        ("ffff583a", 1.00000761449337e-05, 99999.238556461),
        ("ffff583a5", 1.0000003385357559e-05, 99999.96614643588),
    ),
    (
        1_000_000,
        ("ffffef4", 9.98377799987793e-07, 1.0016248358208955e06),
        ("ffffef39", 1.00000761449337e-06, 999992.38556461),
        ("ffffef391", 9.999930625781417e-07, 1.0000069374699865e06),
    ),
]
ROWS = [pytest.param(n, *row, id=f"1-in-{n}, th:{row[0]}") for n, *rows in TABLE for row in rows]
# The specification's table lacks a zero there: its count, 99999.966…, is that of 1.0000000338…e-05.
WRONG_PROBABILITIES = {"ffff583a5"}


def state(text: str) -> TraceState:
    return TraceState([("ot", text)])


@pytest.mark.parametrize(("n", "text", "probability", "count"), ROWS)
def test_the_specifications_thresholds_are_read_as_it_says(n: int, text: str, probability: float, count: float) -> None:
    """Its table of 1-in-N probabilities: what each threshold keeps, and for how many a kept span stands."""
    threshold = tracestate.threshold_of(state(f"th:{text}"))

    assert threshold is not None
    kept = Fraction(tracestate.SCALE - threshold, tracestate.SCALE)
    assert float(kept) == pytest.approx(probability, rel=1e-12 if text not in WRONG_PROBABILITIES else 1e-6)
    assert float(1 / kept) == pytest.approx(count, rel=1e-12)


@pytest.mark.parametrize(("n", "text", "probability", "count"), ROWS)
def test_ours_rounded_to_the_specifications_digits_are_its_thresholds(
    n: int, text: str, probability: float, count: float
) -> None:
    """We write all 14 digits; shortened as in the table they are the table's."""
    digits = len(text)
    unit = 16 ** (14 - digits)
    rounded = (tracestate.threshold_for(1 / n) + unit // 2) // unit * unit

    assert tracestate.threshold_text(rounded) == text


@pytest.mark.parametrize(
    ("text", "threshold", "percent"),
    [
        ("0", 0x00000000000000, 100),
        ("00000000000000", 0x00000000000000, 100),
        ("4", 0x40000000000000, 75),
        ("8", 0x80000000000000, 50),
        ("c", 0xC0000000000000, 25),
        ("08", 0x08000000000000, 96.875),
        ("fd70a4", 0xFD70A400000000, 0.9999990463256836),
    ],
)
def test_the_examples_of_the_prose(text: str, threshold: int, percent: float) -> None:
    """Trailing zeros may be left out, leading ones may not."""
    assert tracestate.threshold_of(state(f"th:{text}")) == threshold
    assert (tracestate.SCALE - threshold) / tracestate.SCALE * 100 == percent
    assert tracestate.threshold_text(threshold) == (text.rstrip("0") or "0")


def test_one_percent_with_five_digits() -> None:
    """The specification's worked example: (1 - 0.01)·2⁵⁶, about 71337018784743424, is 0xfd70a400000000."""
    assert abs(tracestate.threshold_for(0.01) - 0xFD70A400000000) < 16**8
    assert 0xFD70A400000000 == 71337018784743424


def test_the_example_of_an_explicit_randomness() -> None:
    """`rv:6e6d1a75832a2f` is 43.1 %: kept from 56.9 % on, as is a trace id that ends so."""
    explicit = tracestate.randomness(1, state("rv:6e6d1a75832a2f"))
    of_the_id = tracestate.randomness(0x4BF92F3577B34DA6A3_6E6D1A75832A2F, None)

    assert explicit == of_the_id == 0x6E6D1A75832A2F
    assert round(explicit / tracestate.SCALE, 3) == 0.431
    assert explicit >= tracestate.threshold_for(0.5688)
    assert explicit < tracestate.threshold_for(0.5685)


@pytest.mark.parametrize(
    "text",
    [
        *("th:$", "th:0x1p+3", "th:14.5", "th:-1", "th:", "th:ffffffffffffffff", "th:100000000000000", "th:1=p:2"),
        *("1:1;u:V", "e100:1", "x:0X1FFF;y:.-_-.;z:", ":;:", ":"),
    ],
)
def test_what_the_collector_refuses_as_a_threshold_is_none_here(text: str) -> None:
    """The error cases that the Collector's own package is tested with."""
    assert tracestate.threshold_of(state(text)) is None


@pytest.mark.parametrize(
    ("text", "threshold"),
    [
        ("th:2", 0x20000000000000),
        ("th:ab", 0xAB000000000000),
        ("th:abcdefabcdefab", 0xABCDEFABCDEFAB),
        ("th:1000", 0x10000000000000),
        ("th:2;extra:stuff", 0x20000000000000),
        ("e100:100;th:1;e101:101", 0x10000000000000),
        ("x1y2z3:1-2-3;y1:y_1;xy:-;th:50", 0x50000000000000),
        ("rv:10000000000000;th:3;a:b;c:d", 0x30000000000000),
    ],
)
def test_what_the_collector_accepts_is_accepted_here(text: str, threshold: int) -> None:
    """The good cases that the Collector's own package is tested with."""
    assert tracestate.threshold_of(state(text)) == threshold


@pytest.mark.parametrize("rv", ["3", "100000000000000", "ffffffffffffffff", "22222222222G22", "ABCDEFABCDEFAB"])
def test_a_randomness_that_is_not_14_lower_case_digits_does_not_count(rv: str) -> None:
    """The trace id decides then."""
    assert tracestate.randomness(7, state(f"rv:{rv}")) == 7


def context(sampled: bool, text: str, trace_id: int) -> Context:
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    return set_span_in_context(NonRecordingSpan(SpanContext(trace_id, 1, True, flags, state(text))), Context())


def test_the_example_of_three_participants() -> None:
    """A samples at 25 %, C believes its parent: C says A's `th`, whatever its own ratio is."""
    trace_id = 0x1_C8000000000000
    at_a = OtelkitRatio(0.25).should_sample(None, trace_id, "A")
    assert at_a.trace_state is not None
    assert at_a.trace_state.to_header() == "ot=th:c"
    parent = NonRecordingSpan(SpanContext(trace_id, 1, True, TraceFlags(TraceFlags.SAMPLED), at_a.trace_state))

    at_c = OtelkitRatio(0.01).should_sample(set_span_in_context(parent, Context()), trace_id, "C")

    assert at_c.decision is Decision.RECORD_AND_SAMPLE
    assert at_c.trace_state is not None
    assert at_c.trace_state.to_header() == "ot=th:c"


@pytest.mark.parametrize(
    ("sampled", "text", "after"),
    [
        (True, "th:8", "ot=th:8"),
        (True, "th:c", ""),  # R is below T: not the sampling that was done
        (False, "th:8", ""),  # R is at or above T: it would have been sampled
        (False, "th:c", "ot=th:c"),
        (True, "th:c;rv:c0000000000000", "ot=th:c;rv:c0000000000000"),
        (True, "rv:c0000000000000", "ot=rv:c0000000000000"),
        (True, "th:8;rv:70000000000000", "ot=rv:70000000000000"),
    ],
)
def test_the_sampled_flag_must_be_what_rv_and_th_say(sampled: bool, text: str, after: str) -> None:
    """The specification's invariant: sampled exactly if R >= T; otherwise `th` is erased, and `rv` is handed on as it came."""
    trace_id = 0x1_80000000000000
    answer = OtelkitRatio(0.5).should_sample(context(sampled, text, trace_id), trace_id, "s")

    assert (answer.decision is Decision.RECORD_AND_SAMPLE) == sampled
    assert answer.trace_state is not None
    assert answer.trace_state.to_header() == after


@pytest.mark.parametrize("ratio", [1.0, 0.75, 0.5, 1 / 3, 0.25, 0.1, 0.01, 1e-3, 1e-5, 0.0])
def test_another_implementation_of_the_specification_decides_alike(ratio: float) -> None:
    """The SDK's experimental consistent sampler keeps the same traces at the same `th`: at random, and around the threshold."""
    ours, theirs = OtelkitRatio(ratio), composite_sampler(composable_traceid_ratio_based(ratio))
    rng, bound = random.Random(31), tracestate.threshold_for(ratio)
    ids = [rng.getrandbits(128) for _ in range(300)]
    ids += [(1 << 64) | near for near in range(bound - 2, bound + 3) if 0 <= near < tracestate.SCALE]
    ids += [1 << 64, (1 << 64) | (tracestate.SCALE - 1)]
    for trace_id in ids:
        one, other = (sampler.should_sample(None, trace_id, "s", None, None, None) for sampler in (ours, theirs))

        assert one.decision == other.decision, hex(trace_id)
        if one.decision is Decision.RECORD_AND_SAMPLE:
            assert tracestate.threshold_of(one.trace_state) == tracestate.threshold_of(other.trace_state) == bound
