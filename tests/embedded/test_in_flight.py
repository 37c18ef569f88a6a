"""The bound on the bytes that the receiver holds for its senders."""

from __future__ import annotations

import pytest

from otelkit.embedded.in_flight import Busy, InFlight


def test_requests_together_stay_within_the_bound() -> None:
    """What would exceed the bound is refused, and adds nothing."""
    in_flight = InFlight(100)
    first, second = in_flight.open(), in_flight.open()
    first.grow(70)

    with pytest.raises(Busy):
        second.grow(31)
    second.grow(30)

    assert (in_flight.held_bytes, second.size_bytes) == (100, 30)


def test_one_request_alone_may_exceed_the_bound() -> None:
    """A request above the bound is taken when nothing else is held; else it could never be taken."""
    in_flight = InFlight(100)
    alone = in_flight.open()
    alone.grow(90)
    alone.grow(90)

    with pytest.raises(Busy):
        in_flight.open().grow(1)
    assert in_flight.held_bytes == 180


def test_released_bytes_can_be_held_again_and_are_counted_once() -> None:
    """Releasing twice gives back once."""
    in_flight = InFlight(100)
    share, other = in_flight.open(), in_flight.open()
    share.grow(60)
    other.grow(10)
    share.release()
    share.release()

    assert in_flight.held_bytes == 10


def test_a_share_can_shrink_but_not_grow_by_resizing() -> None:
    """A request rewritten in a shorter form holds less; resizing never takes more than was allowed."""
    in_flight = InFlight(100)
    share = in_flight.open()
    share.grow(60)
    share.resize(20)
    share.resize(90)

    assert (share.size_bytes, in_flight.held_bytes) == (20, 20)


@pytest.mark.parametrize(
    ("stored_bytes", "seconds", "expected_s"),
    [(1000, 1.0, 1), (10, 1.0, 5), (1, 10.0, 30)],
    ids=["fast", "slow", "never above half a minute"],
)
def test_the_advice_follows_the_speed_of_the_store(stored_bytes: int, seconds: float, expected_s: int) -> None:
    """A sender is told to come again when about half of what is held should be stored."""
    in_flight = InFlight(100)
    in_flight.open().grow(100)
    in_flight.stored(stored_bytes, seconds)

    assert in_flight.busy().retry_after_s == expected_s
