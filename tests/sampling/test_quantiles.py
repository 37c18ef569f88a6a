"""The sketch of durations."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from otelkit.sampling.quantiles import DurationSketch


def sketch_of(durations: list[int]) -> DurationSketch:
    sketch = DurationSketch()
    for duration in durations:
        sketch.add(duration)
    return sketch


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99, 0.999])
def test_a_quantile_is_at_most_4_percent_above_the_true_one(share: float) -> None:
    """Durations over four orders of magnitude: the bound of the right bucket, which is 4 % wide."""
    rng = random.Random(1)
    durations = sorted(round(rng.lognormvariate(16, 2)) for _ in range(5000))
    true = durations[round(share * len(durations)) - 1]
    found = sketch_of(durations).quantile_ns(share)

    assert found is not None
    assert true <= found <= true * 1.045


def test_the_pages_tell_how_far_a_quantile_is_off() -> None:
    """The worst that is found for equal durations is the 4 % that the documentation names."""
    worst = max((sketch_of([each]).quantile_ns(0.5) or 0) / each - 1 for each in range(1_000_000, 1_100_000, 997))
    page = (Path(__file__).parents[2] / "docs" / "explanation" / "tail-sampling.md").read_text(encoding="utf-8")

    assert f"up to {worst:.0%} too high".replace("%", " %") in page


def test_two_sketches_merge_into_the_one_of_both() -> None:
    """Merged, they answer as if one had seen everything."""
    rng = random.Random(2)
    first = [rng.randrange(10**4, 10**9) for _ in range(300)]
    second = [rng.randrange(10**7, 10**10) for _ in range(200)]
    merged = sketch_of(first)
    merged.merge(sketch_of(second))

    assert sketch_of(first + second).buckets() == merged.buckets()
    assert merged.count == 500


def test_what_is_old_fades() -> None:
    """After a change of pace the quantile follows, while the memory stays what it was."""
    sketch = DurationSketch(memory=1000)
    for _ in range(5000):
        sketch.add(1_000_000)
    for _ in range(5000):
        sketch.add(100_000_000)
    median = sketch.quantile_ns(0.5)

    assert median is not None
    assert 100_000_000 <= median <= 104_500_000
    assert sketch.count < 1000


def test_the_tail_does_not_fade_before_the_rest() -> None:
    """Single slow calls keep their share when counts are halved."""
    sketch = DurationSketch(memory=1000)
    for number in range(10_000):
        # Each slow one falls into a bucket of its own.
        sketch.add(1_000_000 if number % 20 else 10_000_000 + number * 1_000_000)
    quantile = sketch.quantile_ns(0.96)

    assert quantile is not None
    assert quantile > 10_000_000


def test_what_is_beyond_the_range_counts_at_its_ends() -> None:
    """Nothing and a year are durations, too."""
    sketch = sketch_of([0, 1, 10**9 * 60 * 60 * 24 * 365])

    assert sketch.count == 3
    assert (sketch.quantile_ns(0.5) or 0) <= 1_045
    assert (sketch.quantile_ns(0.99) or 0) >= 10**9 * 60 * 60 * 24


def test_an_empty_one_knows_nothing() -> None:
    """There is no quantile of nothing."""
    assert DurationSketch().quantile_ns(0.5) is None


def test_it_can_be_stored_and_read_again() -> None:
    """Buckets make the same sketch; buckets that can't be are refused."""
    sketch = sketch_of([5_000, 5_000, 10**9])

    assert sketch.buckets() == DurationSketch.of(sketch.buckets()).buckets()
    for wrong in ((-1, 1.0), (10**6, 1.0), (3, -1.0), (3, float("nan"))):
        with pytest.raises(ValueError, match="bucket"):
            DurationSketch.of([wrong])
