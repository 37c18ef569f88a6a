"""Quantiles in bounded memory."""

from __future__ import annotations

import random

import pytest

from otelkit.metrics.quantiles import _MAX_BUCKETS, RELATIVE_ERROR, Sketch, SlidingQuantiles

SECOND_NS = 1_000_000_000


@pytest.mark.parametrize(
    "draw",
    [
        pytest.param(lambda rng: rng.lognormvariate(0, 3), id="lognormal"),
        pytest.param(lambda rng: rng.uniform(-5, 5), id="around zero"),
        pytest.param(lambda rng: float(rng.randrange(4)), id="few values, zero among them"),
    ],
)
@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.95, 0.99, 1.0])
def test_a_quantile_is_at_most_one_percent_off(draw: object, share: float) -> None:
    """Compared with sorting everything."""
    rng = random.Random(3)
    values = [draw(rng) for _ in range(5000)]
    sketch = Sketch()
    for value in values:
        sketch.add(value)
    true = sorted(values)[int(share * (len(values) - 1))]

    assert sketch.quantile(share) == pytest.approx(true, rel=RELATIVE_ERROR * 1.001)


def test_nothing_has_no_quantiles() -> None:
    """None, not zero."""
    assert Sketch().quantile(0.5) is None


@pytest.mark.requirement("MET-32")
def test_values_of_every_magnitude_do_not_fill_the_memory() -> None:
    """The smallest share a bucket; great ones stay exact."""
    sketch = Sketch()
    for exponent in range(-300, 300):
        for factor in range(1, 10):
            sketch.add(factor * 10.0**exponent)

    assert len(sketch._above) <= _MAX_BUCKETS
    assert sketch.quantile(1.0) == pytest.approx(9e299, rel=RELATIVE_ERROR)


def test_a_window_forgets_what_is_older() -> None:
    """A slow minute does not show for ever."""
    window = SlidingQuantiles(60)
    window.add(100, 0)
    window.add(1, 59 * SECOND_NS)
    both = window.read([1.0], 59 * SECOND_NS)
    later = window.read([1.0], 65 * SECOND_NS)
    empty = window.read([0.5, 1.0], 200 * SECOND_NS)

    assert both == [pytest.approx(100, rel=0.01)]
    assert later == [pytest.approx(1, rel=0.01)]
    assert empty == [None, None]
