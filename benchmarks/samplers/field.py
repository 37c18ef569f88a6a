"""Who takes part, each set so that it keeps about as much of the same traffic: 10 traces a second, of 100."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.samplers.contest import Contestant
from benchmarks.samplers.ema_dynamic import EmaDynamic
from benchmarks.samplers.jaeger_adaptive import JaegerAdaptive
from benchmarks.samplers.logfire_tail import LogfireTail
from benchmarks.samplers.ours import Adaptive, Ratio, Tail
from benchmarks.samplers.reservoir import XRayReservoir
from benchmarks.samplers.trace_id_ratio import StockRatio
from otelkit.sampling.classes import Allowance, KeepPolicy

TARGET_PER_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One of the field."""

    make: Callable[[int], Contestant]
    """With a seed."""
    setting: str
    """What it was told, for the table's reader."""
    tells: str
    """How a kept trace says what it stands for."""


_TAIL = KeepPolicy(slow=Allowance(1.0, 4.0), rare=Allowance(1.0, 4.0), normal=Allowance(1.0, 5.5), slow_quantile=0.97)
_EXACT = KeepPolicy(slow_quantile=0.97, normal=Allowance(1.0, 0.0), budget_per_window=100)

FIELD: Final[Mapping[str, Entry]] = {
    "ParentBased(TraceIdRatio)": Entry(lambda seed: StockRatio(0.1, seed), "10 %", "nothing"),
    "X-Ray reservoir": Entry(lambda seed: XRayReservoir(1, 0.09, seed), "1/s and 9 %", "nothing"),
    "Logfire-style tail": Entry(lambda seed: LogfireTail(5.0, 0.08, seed), "errors, over 5 s, and 8 %", "nothing"),
    "EMADynamic": Entry(lambda seed: EmaDynamic(24, 10, seed), "goal rate 24, every 10 s", "a rate of its own"),
    "Jaeger adaptive": Entry(
        lambda seed: JaegerAdaptive(0.13, seed=seed), "0.13/s per stage, every 10 s", "a tag of its own"
    ),
    "otelkit_ratio": Entry(lambda seed: Ratio(0.1, seed), "10 %", "`th`"),
    "otelkit_adaptive": Entry(lambda seed: Adaptive(TARGET_PER_S, seed=seed), "10/s", "`th`"),
    "otelkit_tail": Entry(
        lambda seed: Tail(_TAIL, seed=seed), "errors; 4/s slow and rare, 5.5/s normal; the slowest 3 %", "`th`"
    ),
    "otelkit_tail, exact": Entry(lambda seed: Tail(_EXACT, seed=seed), "100 in every 10 s; the slowest 3 %", "`th`"),
}
