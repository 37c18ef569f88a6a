"""Thresholds and randomness in tracestate."""

from __future__ import annotations

import pytest
from opentelemetry.trace import TraceState

from otelkit.sampling import tracestate


@pytest.mark.parametrize(
    ("probability", "text"),
    [
        (1.0, "0"),
        (0.5, "8"),
        (0.25, "c"),
        (0.1, "e6666666666666"),
        (1 / 3, "aaaaaaaaaaaaac"),
        (0.01, "fd70a3d70a3d71"),
        (2**-56, "ffffffffffffff"),
        (1e-30, "ffffffffffffff"),
    ],
)
def test_a_probability_is_written_as_the_specification_says(probability: float, text: str) -> None:
    """T = (1 - p)·2⁵⁶ in hex without trailing zeros; a tiny probability is not rounded to "never"."""
    assert tracestate.threshold_text(tracestate.threshold_for(probability)) == text


def test_probability_zero_keeps_nothing() -> None:
    """Its threshold is above every randomness there is."""
    assert tracestate.threshold_for(0.0) == tracestate.SCALE


@pytest.mark.parametrize("threshold", [0, 1, 1 << 52, 0x80000000000000, 0xE6666666666666, tracestate.SCALE - 1])
def test_what_is_written_reads_back(threshold: int) -> None:
    """Text and number are the same thing."""
    state = TraceState([("ot", f"th:{tracestate.threshold_text(threshold)}")])

    assert tracestate.threshold_of(state) == threshold


@pytest.mark.parametrize(
    "value",
    [
        "th:",
        "th:G",
        "th:C",
        "th:0x8",
        "th:123456789012345",
        "th:-1",
        "th: 8",
        "th:8;th:8",
        "rv:aaaaaaaaaaaaaa",
        "xth:8",
    ],
)
def test_a_malformed_threshold_is_none(value: str) -> None:
    """Upper case, wrong digits, too many of them, twice, or not there at all."""
    assert tracestate.threshold_of(TraceState([("ot", value)])) is None


def test_randomness_is_rv_where_that_is_well_formed_else_the_low_56_bits() -> None:
    """A malformed `rv` does not count."""
    trace_id = 0xFEDCBA9876543210_0123456789ABCDEF

    assert tracestate.randomness(trace_id, TraceState([("ot", "th:8;rv:00000000000001")])) == 1
    assert tracestate.randomness(trace_id, TraceState([("ot", "rv:1")])) == 0x23456789ABCDEF
    assert tracestate.randomness(trace_id, None) == 0x23456789ABCDEF


def test_taking_the_threshold_out_leaves_everything_else_in_its_place() -> None:
    """Other members of `ot`, other vendors and their order stay."""
    state = TraceState([("v1", "a:1;th:2"), ("ot", "x:1;th:8;rv:0123456789abcd;th:9"), ("v2", "b")])

    assert tracestate.without_threshold(state).to_header() == "v1=a:1;th:2,ot=x:1;rv:0123456789abcd,v2=b"
    assert tracestate.without_threshold(TraceState([("ot", "th:8"), ("v", "1")])).to_header() == "v=1"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param("", "ot=th:c", id="nothing there"),
        pytest.param("v=1", "ot=th:c,v=1", id="another vendor"),
        pytest.param(
            "v=1,ot=rv:0123456789abcd;th:8;x:1,w=2", "ot=th:c;rv:0123456789abcd;x:1,v=1,w=2", id="a threshold"
        ),
        pytest.param("ot=th:8;th:zz", "ot=th:c", id="two of them"),
        pytest.param(f"ot=x:{'y' * 233};rv:0123456789abcd", "ot=th:c;rv:0123456789abcd", id="no room"),
        pytest.param(
            ",".join(f"v{n}=1" for n in range(32)), "ot=th:c," + ",".join(f"v{n}=1" for n in range(31)), id="32"
        ),
    ],
)
def test_a_threshold_is_written_first_and_takes_the_place_of_any_other(header: str, expected: str) -> None:
    """`rv` and other vendors' entries stay, within W3C's limits."""
    state = TraceState.from_header([header]) if header else None

    assert tracestate.with_threshold(state, 3 << 54).to_header() == expected


def test_the_threshold_of_everything_is_zero() -> None:
    """`th:0`: each span counts once."""
    assert tracestate.with_threshold(None, 0).to_header() == "ot=th:0"
