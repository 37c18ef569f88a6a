"""Make `otelkit_tail`: its judge, its buffer, and the ring of what it leaves out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from otelkit._builtin.load_readings import load_from
from otelkit.errors import SettingsError
from otelkit.sampling.classes import KeepPolicy
from otelkit.sampling.judgement import Judge
from otelkit.sampling.normal_share import NormalShare
from otelkit.sampling.ring import Ring
from otelkit.sampling.ring_requests import RequestTrigger
from otelkit.sampling.ring_triggers import ErrorTrigger, RingTrigger, SignalTrigger
from otelkit.sampling.rules import parse_rate
from otelkit.sampling.tail import OtelkitTail
from otelkit.sampling.tail_memory import RememberingTail
from otelkit.sampling.trace_buffer import BufferLimits
from otelkit.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.sampling import Sampler

_RING_PART: Final = 4
"""The ring takes one part in so many of what may be held; the buffer the rest."""
_LEAST_SPANS: Final = 8


def tail_from(argument: str | None, settings: Settings) -> Sampler:
    """Return the sampler that decides at a trace's end.

    Args:
        argument: ``OTEL_TRACES_SAMPLER_ARG``: the share of normal traces; without it ``sampling_normal_ratio``.
        settings: In force.

    Raises:
        SettingsError: The argument is no rate, or settings contradict each other; all mistakes at once.
    """
    mistakes: list[str] = []
    share: float | None = None
    if argument is not None and argument.strip():
        try:
            share = parse_rate(argument)
        except (ValueError, OverflowError):
            mistakes.append(
                f"OTEL_TRACES_SAMPLER_ARG is {argument!r}, with the sampler otelkit_tail; expected the share of normal traces "
                "to keep, a number from 0 to 1, or a fraction like 1/20. For errors, slow and rare traces there are settings."
            )
    mistakes += _contradictions(settings)
    if mistakes:
        raise SettingsError(mistakes, setting="sampling_normal_ratio")
    ring = _ring(settings)
    limits = _limits(settings, part=1 - 1 / _RING_PART if ring is not None else 1.0)
    judge = Judge(KeepPolicy.of(settings, share), NormalShare(load_from(settings, in_loops=False)))
    path = settings.text("sampling_state_path")
    if path:
        # Absolute: the program may change its working folder.
        return RememberingTail(judge, limits, Path(path).absolute(), retention=ring)
    return OtelkitTail(judge, limits, retention=ring)


def _contradictions(settings: Settings) -> Iterator[str]:
    budget = settings.whole("sampling_budget_per_window")
    for limit in ("sampling_buffer_traces", "sampling_buffer_spans"):
        if budget > settings.whole(limit):
            yield (
                f"sampling_budget_per_window is {budget} (from {settings.sources['sampling_budget_per_window']}), but "
                f"{limit} is {settings.whole(limit)} (from {settings.sources[limit]}): the traces of a window are held until "
                "it is over. Raise the one or lower the other."
            )


def _limits(settings: Settings, part: float) -> BufferLimits:
    return BufferLimits(
        bytes=int(settings.whole("sampling_buffer_bytes") * part),
        spans=max(1, int(settings.whole("sampling_buffer_spans") * part)),
        traces=settings.whole("sampling_buffer_traces"),
        age_s=settings.number("sampling_buffer_age_s"),
    )


def _ring(settings: Settings) -> Ring | None:
    retain_s = settings.number("sampling_retain_s")
    if not retain_s or settings.whole("sampling_buffer_spans") < _LEAST_SPANS:
        return None
    triggers: list[RingTrigger] = [RequestTrigger(Path(settings.text("store_dir")).absolute())]
    if settings.items_of("sampling_keep_on"):
        triggers.append(ErrorTrigger(settings.items_of("sampling_keep_on")))
    if settings.text("sampling_keep_signal"):
        triggers.append(SignalTrigger(settings.text("sampling_keep_signal")))
    return Ring(
        round(retain_s * 1e9),
        settings.whole("sampling_buffer_bytes") // _RING_PART,
        settings.whole("sampling_buffer_spans") // _RING_PART,
        triggers,
    )
