"""The gauge of how long each stage's oldest call has been running."""

from __future__ import annotations

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from otelkit import names
from otelkit.model.calls import Stage, StageKind, StageSeries
from otelkit.stages.longest_calls import LongestCallObserver
from otelkit.testing import FakeClock
from otelkit.testing.made_call import MadeCall
from otelkit.testing.points import points_of


def longest(*series: StageSeries, clock: FakeClock) -> dict[object, float]:
    """Return what the gauge says, by stage; True: of the stages beyond the limit."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    LongestCallObserver(clock, lambda: series).bind(provider.get_meter("test"), {})
    points = list(points_of(reader.get_metrics_data(), names.METRIC_STAGE_LONGEST))
    provider.shutdown()
    return {
        point.attributes.get(names.STAGE_NAME, point.attributes.get(names.METRIC_OVERFLOW)): point.value
        for point in points
    }


def test_the_oldest_call_counts() -> None:
    """Of all that run, in all series of the stage; 0 where none runs."""
    clock = FakeClock()
    first, second, idle = MadeCall("enhance", clock=clock), MadeCall("enhance", clock=clock), MadeCall("a", clock=clock)
    clock.advance(3)
    younger = MadeCall("", series=first.series, clock=clock)
    first.end()
    idle.end()
    clock.advance(2)

    assert longest(first.series, second.series, idle.series, clock=clock) == {"enhance": 5.0, "a": 0.0}
    second.end()
    assert longest(first.series, second.series, clock=clock) == {"enhance": 2.0}
    younger.end()


def test_stages_named_after_data_stay_bounded() -> None:
    """What is beyond the limit is told as one."""
    clock = FakeClock()
    series = [StageSeries(Stage(f"stage {number}", StageKind.FUNCTION), "p") for number in range(2500)]
    call = MadeCall("", series=series[-1], clock=clock)
    clock.advance(7)
    found = longest(*series, clock=clock)
    call.end()

    # The SDK's own limit of attribute sets counts the one for the rest, too.
    assert (len(found) <= 2001, found[True]) == (True, 7.0)
