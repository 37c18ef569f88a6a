"""The classes of traces that `otelkit_tail` tells apart, and how much of each it keeps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from otelkit.settings import Settings

_NS: Final = 1_000_000_000


class TraceClass(Enum):
    """What a trace is kept for. A trace is of the first class, in this order, that it fits."""

    ERROR = "error"
    """Something in it failed."""
    RARE = "rare"
    """None of its pipeline and stage was seen for long."""
    SLOW = "slow"
    """It took longer than most of its pipeline and stage do."""
    NORMAL = "normal"
    """Any other."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much of one class is kept."""

    ratio: float
    """Share that is kept while it is within the budget, 0 to 1."""
    per_s: float
    """Traces kept per second; 0: no limit."""

    def __str__(self) -> str:
        """Return it for people: ``1 up to 100/s``."""
        return f"{self.ratio:g} up to {self.per_s:g}/s" if self.per_s else f"{self.ratio:g}"


@dataclass(frozen=True, slots=True)
class KeepPolicy:
    """What a `Judge` goes by. Every field is a setting that starts with ``sampling_``."""

    error: Allowance = Allowance(1.0, 100.0)
    slow: Allowance = Allowance(1.0, 20.0)
    rare: Allowance = Allowance(1.0, 20.0)
    normal: Allowance = Allowance(0.1, 0.0)
    slow_quantile: float = 0.99
    """Share of the earlier traces that a slow one exceeds."""
    slow_threshold_ns: int = 0
    """What a slow trace exceeds; 0: learnt."""
    rare_window_ns: int = 600 * _NS
    """How long nothing like a rare trace was seen."""
    window_ns: int = 10 * _NS
    """In each window one trace of each error survives any storm; and the window that ``budget_per_window`` is meant for."""
    budget_per_window: int = 0
    """Fragments kept per window, exactly; 0: off. In place of the budgets per second."""
    max_keys: int = 1000
    """Pairs of pipeline and stage, and errors, that are told apart."""

    @classmethod
    def of(cls, settings: Settings, normal_ratio: float | None = None) -> KeepPolicy:
        """Return what the settings say.

        Args:
            settings: With all ``sampling_*``.
            normal_ratio: In place of ``sampling_normal_ratio``: what ``OTEL_TRACES_SAMPLER_ARG`` says; None: nothing.
        """

        def allowance(kind: str, ratio: float = 1.0) -> Allowance:
            return Allowance(ratio, settings.number(f"sampling_{kind}_budget_per_s"))

        share = settings.number("sampling_normal_ratio") if normal_ratio is None else normal_ratio
        return cls(
            error=allowance("error", settings.number("sampling_error_ratio")),
            slow=allowance("slow", settings.number("sampling_slow_ratio")),
            rare=allowance("rare"),
            normal=allowance("normal", share),
            slow_quantile=settings.number("sampling_slow_quantile"),
            slow_threshold_ns=round(settings.number("sampling_slow_threshold_s") * _NS),
            rare_window_ns=round(settings.number("sampling_rare_window_s") * _NS),
            window_ns=round(settings.number("sampling_window_s") * _NS),
            budget_per_window=settings.whole("sampling_budget_per_window"),
            max_keys=settings.whole("sampling_max_keys"),
        )

    def allowance(self, kind: TraceClass) -> Allowance:
        """Return how much of a class is kept."""
        match kind:
            case TraceClass.ERROR:
                return self.error
            case TraceClass.RARE:
                return self.rare
            case TraceClass.SLOW:
                return self.slow
            case TraceClass.NORMAL:
                return self.normal
