"""First sights."""

from __future__ import annotations

from otelkit.sampling.fingerprints import Sightings
from tests.sampling.traces import SECOND

WINDOW = 10 * SECOND


def test_a_kind_is_new_until_it_was_seen() -> None:
    """The first is a first sight, the second is not, another one is."""
    seen = Sightings(WINDOW, 10, again=False)

    assert seen.is_first("a", 0)
    assert not seen.is_first("a", 1)
    assert seen.is_first("b", 1)


def test_a_kind_that_never_stops_is_not_new_again() -> None:
    """Each sight starts its window anew, so that only a window without it makes it rare."""
    seen = Sightings(WINDOW, 10, again=False)
    firsts = [seen.is_first("a", second * SECOND) for second in range(0, 100, 9)]

    assert firsts == [True] + [False] * 11
    assert seen.is_first("a", 99 * SECOND + WINDOW)


def test_a_survivor_is_found_once_per_window() -> None:
    """However many come, one of each window is a first sight."""
    seen = Sightings(WINDOW, 10, again=True)
    firsts = [tenth for tenth in range(400) if seen.is_first("a", tenth * SECOND // 10)]

    assert firsts == [0, 100, 200, 300]


def test_kinds_that_come_by_turns_are_new_once_however_many_there_are() -> None:
    """One more than there is room for: it is not new, rather than pushing out the next one, which would be new in turn."""
    seen = Sightings(WINDOW, 3, again=False)
    firsts = [kind for turn in range(5) for kind in "abcd" if seen.is_first(kind, turn)]

    assert firsts == ["a", "b", "c"]
    assert len(seen) == 3


def test_a_kind_that_has_ceased_makes_room_for_a_new_one() -> None:
    """Once it was not seen for a window."""
    seen = Sightings(WINDOW, 2, again=False)
    for kind, at_ns in (("a", 0), ("b", 0), ("a", WINDOW // 2)):
        seen.is_first(kind, at_ns)

    assert not seen.is_first("c", WINDOW - 1)
    assert seen.is_first("c", WINDOW)
    assert not seen.is_first("a", WINDOW)
    assert len(seen) == 2


def test_without_room_nothing_more_survives() -> None:
    """At most ``limit`` are new in a window, however many different errors a storm has."""
    seen = Sightings(WINDOW, 3, again=True)
    firsts = sum(seen.is_first(number, number) for number in range(1000))

    assert firsts == 3
    assert seen.is_first("later", WINDOW)
    assert len(seen) == 3


def test_a_clock_that_is_set_back_makes_a_kind_new_once() -> None:
    """Nothing is remembered for ever because its time lies in the future."""
    seen = Sightings(WINDOW, 3, again=True)
    seen.is_first("a", 1000 * SECOND)

    assert seen.is_first("a", 10 * SECOND)
    assert not seen.is_first("a", 11 * SECOND)
