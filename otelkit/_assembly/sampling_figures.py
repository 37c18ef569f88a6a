"""What samplers say of themselves, as metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.trace.sampling import Sampler

from otelkit import names
from otelkit._assembly.parent_based import parts_of
from otelkit._guard import Barrier
from otelkit.model.sampling_figures import Figure, SaysFigures

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter

_METRICS: Final = (
    (names.METRIC_SAMPLING_DECISIONS, "counter", "{decision}"),
    (names.METRIC_SAMPLING_EVICTIONS, "counter", "{decision}"),
    (names.METRIC_SAMPLING_PROBABILITY, "gauge", "1"),
    (names.METRIC_SAMPLING_BUFFER, "gauge", "By"),
    (names.METRIC_SAMPLING_RETAINED, "gauge", "{span}"),
    (names.METRIC_SAMPLING_CONTROLLER_ERROR, "gauge", "1"),
)


def figure_sources(sampler: object) -> Iterator[object]:
    """Yield a sampler, the step it brings, and those that it is made of: any of them may have figures."""
    yield sampler
    yield getattr(sampler, "step", None)
    for part in (*parts_of(sampler), getattr(sampler, "within", None)):
        if isinstance(part, Sampler):
            yield from figure_sources(part)


def bind_sampling_figures(meter: Meter, sources: Iterable[object]) -> None:
    """Report the figures of those of ``sources`` that have some, whenever metrics are collected.

    Nothing is made where none has any. A source that fails is contained and says nothing that time.

    Args:
        meter: Ours; a new one in a forked child.
        sources: See `figure_sources`; the same object counts once.
    """
    asked = {id(source): source for source in sources if isinstance(source, SaysFigures)}
    if not asked:
        return
    reading = _Reading(tuple(asked.values()))
    for metric, kind, unit in _METRICS:
        create = meter.create_observable_counter if kind == "counter" else meter.create_observable_gauge
        create(metric, [reading.of(metric)], unit, names.meaning_of(metric))


class _Reading:
    """Asks the sources once per metric: the SDK collects one after the other, and a reading costs less than to remember it."""

    def __init__(self, sources: tuple[SaysFigures, ...]) -> None:
        self._sources = [(source, Barrier(f"figures of {type(source).__name__}")) for source in sources]

    def of(self, metric: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
        """Return what the SDK calls for this metric."""

        def read(_options: CallbackOptions) -> Iterator[Observation]:
            for figure in self._figures():
                if figure.metric == metric:
                    yield Observation(figure.value, figure.attributes)

        return read

    def _figures(self) -> Iterator[Figure]:
        for source, barrier in self._sources:
            if barrier.off:
                continue
            try:
                figures = list(source.figures())
            except Exception as error:  # noqa: BLE001 - a stranger's sampler may raise anything
                barrier.fault(error, "figures")
            else:
                barrier.success("figures")
                yield from figures
