"""How many spans a sampled one stands for.

Source: OpenTelemetry specification, "TraceState: Probability Sampling".
"""

from __future__ import annotations


def adjusted_count(trace_state: str) -> float:
    """Return how many spans one stands for, at least 1: 2^56 / (2^56 - T), with T from the ``th`` in tracestate ``ot``.

    1.0 where there is no ``th`` or a malformed one: the probability is unknown, and the span counts for itself.
    """
    for member in trace_state.split(","):
        vendor, _, state = member.strip().partition("=")
        if vendor != "ot":
            continue
        for part in state.split(";"):
            key, _, digits = part.partition(":")
            if key == "th" and 1 <= len(digits) <= 14 and all(digit in "0123456789abcdef" for digit in digits):
                threshold = int(digits.ljust(14, "0"), 16)
                return (1 << 56) / ((1 << 56) - threshold)
    return 1.0
