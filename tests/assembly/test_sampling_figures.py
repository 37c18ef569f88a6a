"""Figures of samplers, as metrics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, Sum
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Decision, ParentBased, Sampler, SamplingResult

from otelkit import _guard, names
from otelkit._assembly.sampling_figures import bind_sampling_figures, figure_sources
from otelkit.model.sampling_figures import Figure


class Told:
    """A sampler with figures."""

    def __init__(self, *figures: Figure) -> None:
        self.given = figures

    def figures(self) -> Iterator[Figure]:
        yield from self.given


class Sampling(Told, Sampler):
    """A sampler with figures, a step, and another one within."""

    def __init__(self, *figures: Figure, step: object = None, within: object = None) -> None:
        super().__init__(*figures)
        self.step = step
        self.within = within

    def should_sample(self, *args: Any, **kwargs: Any) -> SamplingResult:
        return SamplingResult(Decision.DROP)

    def get_description(self) -> str:
        return "Sampling"


class Broken:
    """One that fails at it."""

    def figures(self) -> Iterator[Figure]:
        raise RuntimeError("no figures today")


def collected(*sources: object) -> dict[str, Any]:
    """Return the metrics that come of these sources, by name."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    bind_sampling_figures(provider.get_meter("otelkit"), sources)
    data = reader.get_metrics_data()
    provider.shutdown()
    if data is None:
        return {}
    return {
        metric.name: metric
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


def points(metric: Any) -> list[tuple[float, dict[str, Any]]]:
    return [(point.value, dict(point.attributes)) for point in metric.data.data_points]


def test_figures_become_points_of_their_metrics() -> None:
    """Decisions are a monotonic counter, probabilities a gauge, each with its unit and meaning."""
    kept = {names.SAMPLING_CLASS: "error", names.SAMPLING_KEPT: True}
    found = collected(
        Told(
            Figure(names.METRIC_SAMPLING_DECISIONS, 7, kept),
            Figure(names.METRIC_SAMPLING_PROBABILITY, 0.5, {names.SAMPLING_CLASS: "error"}),
            Figure(names.METRIC_SAMPLING_PROBABILITY, 0.1, {names.SAMPLING_CLASS: "normal"}),
        )
    )
    decisions, chances = found[names.METRIC_SAMPLING_DECISIONS], found[names.METRIC_SAMPLING_PROBABILITY]

    assert points(decisions) == [(7, kept)]
    assert isinstance(decisions.data, Sum)
    assert decisions.data.is_monotonic
    assert (decisions.unit, decisions.description) == ("{decision}", names.meaning_of(names.METRIC_SAMPLING_DECISIONS))
    assert [value for value, _ in points(chances)] == [0.5, 0.1]
    assert set(found) == {names.METRIC_SAMPLING_DECISIONS, names.METRIC_SAMPLING_PROBABILITY}


def test_a_sampler_that_is_its_own_step_counts_once() -> None:
    """And what has no figures is passed by."""
    told = Told(Figure(names.METRIC_SAMPLING_BUFFER, 10, {}))

    assert points(collected(told, told, object())[names.METRIC_SAMPLING_BUFFER]) == [(10, {})]
    assert collected(object()) == {}


def test_a_sampler_that_fails_at_it_does_not_take_the_others_along(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is contained, and they are told."""
    monkeypatch.setattr(_guard, "reraise_in_tests", False)

    assert names.METRIC_SAMPLING_BUFFER in collected(Broken(), Told(Figure(names.METRIC_SAMPLING_BUFFER, 10, {})))


def test_figures_are_found_wherever_they_are() -> None:
    """In the step that a sampler brings, in the one that it wraps, and in one that a parent-based sampler is made of."""
    inner = Sampling(step=Told(Figure(names.METRIC_SAMPLING_BUFFER, 10, {})))
    within = Sampling(Figure(names.METRIC_SAMPLING_RETAINED, 5, {}), within=inner)
    found = collected(*figure_sources(ParentBased(within)))

    assert points(found[names.METRIC_SAMPLING_BUFFER]) == [(10, {})]
    assert points(found[names.METRIC_SAMPLING_RETAINED]) == [(5, {})]
    assert collected(*figure_sources(None)) == {}
    assert collected(*figure_sources(ALWAYS_ON)) == {}


def test_every_metric_of_samplers_is_bound() -> None:
    """Names, kinds and units are those of the reference page."""
    declared = {name.key: name for name in names.METRICS if name.key.startswith("otelkit.sampling.")}
    found = collected(Told(*(Figure(key, 1, {}) for key in declared)))

    assert set(found) == set(declared)
    assert {key: metric.unit for key, metric in found.items()} == {key: name.unit for key, name in declared.items()}
    assert {key: "counter" if isinstance(metric.data, Sum) else "gauge" for key, metric in found.items()} == {
        key: name.kind for key, name in declared.items()
    }
