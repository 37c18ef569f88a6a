"""What `otelkit_tail` would have kept of a run that was kept whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from otelkit.model.views import TraceEnd
from otelkit.settings import Settings

MOST_TRACES: Final = 200_000
"""More than these are not looked at: a judgement takes about 5 µs, and nobody waits for more than a second."""
MOST_SPANS: Final = 1_000_000
_LEAST_TRACES: Final = 100
"""Of fewer traces nobody would leave any out."""
_CLASSES: Final = (("error", "failed"), ("slow", "slow"), ("rare", "rare"), ("normal", "others"))
_SAMPLER: Final = "otelkit_tail"
_CHOOSES: Final = ("sampler", "sampling_normal_ratio", "sampling_error_ratio")
"""Settings by which a sampler is chosen."""


@dataclass(frozen=True, slots=True)
class Foresight:
    """How many traces there were, and how many of them would have been kept."""

    traces: int
    kept: int
    by_class: Mapping[str, tuple[int, int]]
    """Class -> kept, all."""

    @property
    def sentence(self) -> str:
        """It in words."""
        parts = [f"{self.by_class[kind][0]:,} {word}" for kind, word in _CLASSES if kind in self.by_class]
        return (
            f"{_SAMPLER} would have kept {self.kept:,} of {self.traces:,} traces ({self.kept / self.traces:.1%}): "
            f"{', '.join(parts)}"
        )

    def as_json(self) -> dict[str, object]:
        """It as an object for JSON."""
        by_class = {kind: {"kept": kept, "traces": count} for kind, (kept, count) in self.by_class.items()}
        return {"sampler": _SAMPLER, "traces": self.traces, "kept": self.kept, "by_class": by_class}


def is_kept_whole(env: Mapping[str, str], settings: Settings) -> bool:
    """Return whether nobody has asked for a sampler."""
    return not env.get("OTEL_TRACES_SAMPLER", "").strip() and settings.given.isdisjoint(_CHOOSES)


def foresee(traces: Iterable[TraceEnd], settings: Settings) -> Foresight | None:
    """Return what would have been kept with these settings; None of too few traces to say anything.

    By the very judge of `otelkit_tail`. It sees traces whole, where the sampler sees what each process has of them, and knows
    of errors only where they were: in a storm of many different errors the sampler would have kept a few more.

    Args:
        traces: By their end.
        settings: With all ``sampling_*``.
    """
    # Here, since most commands have no use for it.
    from otelkit.model.traces import Fingerprint, FragmentEnd, TraceSummary
    from otelkit.sampling.classes import KeepPolicy
    from otelkit.sampling.judgement import Judge
    from otelkit.sampling.tracestate import SCALE

    judge = Judge(KeepPolicy.of(settings))
    last_ns = 0
    for end in traces:
        summary = TraceSummary(
            trace_id=int(end.trace_id, 16),
            randomness=int(end.trace_id, 16) % SCALE,
            pipeline="",
            stage=end.root,
            failed=end.failed,
            fingerprints=(Fingerprint("", "", end.root),) if end.failed else (),
            duration_ns=end.duration_ns,
            spans=end.spans,
            end=FragmentEnd.ROOT,
            parent_threshold=0,
        )
        last_ns = end.end_unix_nano
        judge.judge(summary, last_ns)
    judge.decided(last_ns, at_once=True)
    by_class = judge.book.decided()
    kept, count = (sum(numbers[place] for numbers in by_class.values()) for place in (0, 1))
    return Foresight(count, kept, by_class) if count >= _LEAST_TRACES else None
