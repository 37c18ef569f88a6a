"""First sights."""

from __future__ import annotations

from otelkit.sampling.fingerprints import Sightings
from tests.sampling.traces import SECOND

WINDOW = 10 * SECOND


def test_a_kind_is_new_until_it_was_seen() -> None:
    """The first is a first sight, the second is not, another one is."""
    seen = Sightings(WINDOW, 10, again=False, crowded=True)

    assert seen.is_first("a", 0)
    assert not seen.is_first("a", 1)
    assert seen.is_first("b", 1)


def test_a_kind_that_never_stops_is_not_new_again() -> None:
    """Each sight starts its window anew, so that only a window without it makes it rare."""
    seen = Sightings(WINDOW, 10, again=False, crowded=True)
    firsts = [seen.is_first("a", second * SECOND) for second in range(0, 100, 9)]

    assert firsts == [True] + [False] * 11
    assert seen.is_first("a", 99 * SECOND + WINDOW)


def test_a_survivor_is_found_once_per_window() -> None:
    """However many come, one of each window is a first sight."""
    seen = Sightings(WINDOW, 10, again=True, crowded=False)
    firsts = [tenth for tenth in range(400) if seen.is_first("a", tenth * SECOND // 10)]

    assert firsts == [0, 100, 200, 300]


def test_without_room_a_new_kind_takes_the_place_of_the_oldest() -> None:
    """The number remembered is bounded; what was pushed out is new again."""
    seen = Sightings(WINDOW, 3, again=False, crowded=True)
    for kind in "abcd":
        assert seen.is_first(kind, 0)

    assert len(seen) == 3
    assert seen.is_first("a", 1)
    assert not seen.is_first("d", 1)


def test_without_room_nothing_more_survives_if_so_asked() -> None:
    """At most ``limit`` are new in a window, however many different errors a storm has."""
    seen = Sightings(WINDOW, 3, again=True, crowded=False)
    firsts = sum(seen.is_first(number, number) for number in range(1000))

    assert firsts == 3
    assert seen.is_first("later", WINDOW)
    assert len(seen) == 3


def test_a_clock_that_is_set_back_makes_a_kind_new_once() -> None:
    """Nothing is remembered for ever because its time lies in the future."""
    seen = Sightings(WINDOW, 3, again=True, crowded=False)
    seen.is_first("a", 1000 * SECOND)

    assert seen.is_first("a", 10 * SECOND)
    assert not seen.is_first("a", 11 * SECOND)
