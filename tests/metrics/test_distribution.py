"""Many values as one."""

from __future__ import annotations

from bisect import bisect_left

from hypothesis import given
from hypothesis import strategies as st

from otelkit.metrics.distribution import distribute

BOUNDARIES = (0.0, 0.5, 1.0, 10.0)
NUMBERS = st.one_of(st.sampled_from(BOUNDARIES), st.floats(0, 100), st.integers(0, 20))


@given(st.lists(NUMBERS, min_size=1))
def test_each_value_is_in_the_bucket_whose_upper_bound_is_the_first_not_below_it(values: list[float]) -> None:
    """A bound belongs to the bucket that it ends, as OpenTelemetry has it."""
    expected = [0] * (len(BOUNDARIES) + 1)
    for value in values:
        expected[bisect_left(BOUNDARIES, value)] += 1
    made = distribute(list(values), BOUNDARIES)

    assert (made.counts, made.count) == (expected, len(values))
    assert (made.low, made.high) == (min(values), max(values))


@given(st.lists(NUMBERS, min_size=1), st.lists(NUMBERS, min_size=1))
def test_two_distributions_add_up_to_that_of_all_values(first: list[float], second: list[float]) -> None:
    """In chunks or at once: the same buckets, smallest and largest."""
    whole = distribute(first + second, BOUNDARIES)
    added = distribute(list(first), BOUNDARIES)
    added.add(distribute(list(second), BOUNDARIES))

    assert (added.counts, added.low, added.high) == (whole.counts, whole.low, whole.high)
    assert abs(added.total - whole.total) <= 1e-9 * max(1.0, whole.total)


@given(st.lists(NUMBERS, min_size=2))
def test_a_removed_value_is_counted_no_more(values: list[float]) -> None:
    """What goes another way is not counted twice."""
    rest = distribute(list(values), BOUNDARIES)
    rest.remove(values[0])

    assert rest.counts == distribute(values[1:], BOUNDARIES).counts
