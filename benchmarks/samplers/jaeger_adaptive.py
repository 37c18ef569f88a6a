"""Jaeger's adaptive sampling: a probability per operation, corrected by how much of it was sampled."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.samplers.contest import Contestant
from benchmarks.samplers.traffic import SECOND, MadeTrace

_TOLERANCE = 0.3
_MOST_INCREASE = 0.5
_LEAST = 1e-5
_ID_BITS = (1 << 63) - 1


@dataclass(slots=True)
class _Operation:
    probability: float
    sampled: int = 0
    last_ns: int | None = None
    """When the lower bound last let one pass."""


class JaegerAdaptive(Contestant):
    """Aims at a number of traces per second for each operation, and lets each have one now and then whatever its probability.

    The client keeps by the trace id; a trace says in tags of its own at which probability, or that it came by the lower bound
    (which is no probability: it counts as one). No ``th``.

    Args:
        target_per_s: For each operation.
        initial: The probability of an operation that nobody has seen yet.
        interval_s: How often probabilities are computed; Jaeger's is 60.
        lower_bound_per_s: Traces of each operation that pass in any case.

    Source: Jaeger's documentation, "Adaptive sampling": p·target/qps, up by at most half, down at once, no change within 30 %.
    """

    name = "Jaeger adaptive"

    def __init__(
        self,
        target_per_s: float,
        initial: float = 0.1,
        interval_s: int = 10,
        lower_bound_per_s: float = 1 / 60,
        seed: int = 0,
    ) -> None:
        super().__init__(seed)
        self._target = target_per_s
        self._initial = initial
        self._interval_s = interval_s
        self._between_ns = SECOND / lower_bound_per_s
        self._operations: dict[tuple[str, str], _Operation] = {}

    def starts(self, trace: MadeTrace) -> None:
        operation = self._operations.get(trace.key)
        if operation is None:
            operation = self._operations[trace.key] = _Operation(self._initial)
        due = operation.last_ns is None or self.now_ns - operation.last_ns >= self._between_ns
        if trace.trace_id & _ID_BITS < operation.probability * (_ID_BITS + 1):
            operation.sampled += 1
            operation.last_ns = self.now_ns
            self.keep(trace, told=1 / operation.probability)
        elif due:
            operation.last_ns = self.now_ns
            self.keep(trace, told=1.0)

    def tick(self) -> None:
        if self.now_ns // SECOND % self._interval_s:
            return
        for operation in self._operations.values():
            operation.probability = _corrected(
                operation.probability, operation.sampled / self._interval_s, self._target
            )
            operation.sampled = 0


def _corrected(probability: float, per_s: float, target: float) -> float:
    if per_s and abs(per_s - target) / target <= _TOLERANCE:
        return probability
    factor = target / per_s if per_s else 2.0
    return min(1.0, max(_LEAST, probability * min(factor, 1 + _MOST_INCREASE)))
