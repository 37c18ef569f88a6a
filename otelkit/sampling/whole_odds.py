"""Probabilities whose inverse is a whole number, and any probability as a mixture of two of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from otelkit import names
from otelkit.model.calls import AttributeValue
from otelkit.sampling import tracestate

if TYPE_CHECKING:
    from otelkit.model.sampling import KeptRoot


class WholeOdds:
    """One in ``one_in`` traces is kept, a whole number, so that each kept trace stands for exactly so many.

    The Collector's ``span_metrics`` rounds the weight 1 / p of a span to a whole number; only a whole one stays what it is.
    """

    __slots__ = ("_kept", "one_in", "reason", "threshold")

    def __init__(self, one_in: int, reason: str) -> None:
        self.one_in = one_in
        self.reason = reason
        self.threshold = tracestate.threshold_for(1 / one_in)
        """A trace is kept if its randomness is not below this."""
        self._kept: KeptRoot | None = None

    @property
    def kept(self) -> KeptRoot:
        """What a trace carries that was kept at these odds; shared by all of them."""
        kept = self._kept
        if kept is None:
            # Made for the first one: it costs ten times what a decision does, and many odds never keep a trace.
            said: Mapping[str, AttributeValue] = {
                names.SAMPLING_REASON: self.reason,
                names.SAMPLING_RATE: 1 / self.one_in,
            }
            kept = self._kept = (tracestate.with_threshold(None, self.threshold), said)
        return kept


def mixture(probability: float) -> tuple[int, float]:
    """Return k, and how often 1 / k is to be taken, with 1 / (k + 1) else, to come to ``probability`` on average.

    How often is above 0, and 1.0 where 1 / k is what is wanted. Counts estimated from it vary more than with
    the probability itself: their variance is up to twice as large close to 1, where it is next to nothing, a third larger at
    2 / 3, and at most 1 % larger below 1 / 5.

    Args:
        probability: Above 0, at most 1.
    """
    # Against rounding: 1 / (1 / 49) is a little less than 49.
    one_in = math.floor(1 / probability * (1 + 1e-12))
    share = probability * one_in * (one_in + 1) - one_in
    return one_in, min(1.0, share)
