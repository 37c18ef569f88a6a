"""The metric of how long each stage's oldest call has been running."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from opentelemetry.metrics import CallbackOptions, Observation

from otelkit import _current, names
from otelkit._clock import SYSTEM_CLOCK, Clock
from otelkit.model.calls import AttributeValue, StageSeries
from otelkit.model.metrics import MetricSpec
from otelkit.model.observers import CallObserver

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter

LONGEST_CALL: Final = MetricSpec(
    names.METRIC_STAGE_LONGEST,
    "gauge",
    "s",
    names.meaning_of(names.METRIC_STAGE_LONGEST),
    (names.PIPELINE_NAME, names.STAGE_NAME),
    observed=True,
)
"""What `LongestCallObserver` records."""

_MAX_STAGES: Final = 2000
"""Stages kept apart, as in the other metrics of stages."""


class LongestCallObserver(CallObserver):
    """Reports the oldest running call of each stage whenever metrics are collected; calls themselves pay nothing.

    Args:
        clock: The one that calls are timed with.
        series: Returns all stages that have calls running; None: those of the installed otelkit.
    """

    name = "longest_calls"

    def __init__(self, clock: Clock = SYSTEM_CLOCK, series: Callable[[], Iterable[StageSeries]] | None = None) -> None:
        self._clock = clock
        self._series = series or _installed

    def bind(self, meter: Meter, instruments: Mapping[str, object]) -> None:
        """Report to this meter from now on."""
        key = names.METRIC_STAGE_LONGEST
        meter.create_observable_gauge(key, [self._observe], "s", names.meaning_of(key))

    def _observe(self, _options: CallbackOptions) -> Iterator[Observation]:
        now_ns = self._clock.monotonic_ns()
        longest_ns: dict[tuple[str, str], int] = {}
        other_ns: int | None = None
        for series in self._series():
            # 0 where none runs: a value that is gone would stay in some backends as it was last.
            elapsed_ns = max((now_ns - call.start_ns for call in series.running.copy()), default=0)
            key = (series.pipeline, series.stage.name)
            if key in longest_ns or len(longest_ns) < _MAX_STAGES:
                longest_ns[key] = max(0, elapsed_ns, longest_ns.get(key, 0))
            else:
                other_ns = max(elapsed_ns, other_ns or 0)
        for (pipeline, stage), elapsed_ns in longest_ns.items():
            attributes: dict[str, AttributeValue] = {names.PIPELINE_NAME: pipeline, names.STAGE_NAME: stage}
            yield Observation(elapsed_ns / 1e9, attributes)
        if other_ns is not None:
            yield Observation(other_ns / 1e9, {names.METRIC_OVERFLOW: True})


def _installed() -> Iterable[StageSeries]:
    runtime = _current.runtime
    return runtime.series() if runtime is not None else ()
