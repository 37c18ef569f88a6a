"""How the time at the end is shared."""

from __future__ import annotations

import pytest

from otelkit.delivery.leaving import Leaving

pytestmark = pytest.mark.sdk


def leaving(pending: int = 0, had_s: float = 8.0) -> Leaving:
    return Leaving(100.0, had_s, lambda: pending)


def test_a_network_that_works_leaves_little_time_to_the_disk() -> None:
    """A quarter of a second, in case it stops; half a second if it took nothing of late."""
    assert leaving().network_until(0.001) == 99.75
    assert leaving().network_until(None) == 99.5


@pytest.mark.parametrize(("pending", "encoded_bytes"), [(25_000, 0), (0, 30_000_000), (25_000, 30_000_000)])
def test_the_disk_gets_what_it_needs(pending: int, encoded_bytes: int) -> None:
    """For what is still to be encoded, at 12,500 items a second, and for what is, at 20 MB a second; half a second at least."""
    needed_s = max(0.5, pending / 12_500) + encoded_bytes / 20e6

    assert leaving(pending).network_until(None, encoded_bytes) == pytest.approx(100.0 - needed_s)


@pytest.mark.parametrize("sending_s", [None, 0.001])
def test_the_network_has_a_quarter_of_the_time_however_much_there_is(sending_s: float | None) -> None:
    """By what still comes, by what waits, or by both."""
    found = {
        leaving(pending).network_until(sending_s, size) for pending, size in [(10**9, 0), (0, 10**12), (10**9, 10**12)]
    }

    assert found == {94.0}


def test_the_disk_is_waited_for_but_in_the_last_eighth() -> None:
    """Then it is left to the system, which only a loss of power can make forget it."""
    assert leaving().disk_until == 99.0


def test_without_time_the_network_has_none() -> None:
    """A limit of 0 s is over when it begins."""
    assert (leaving(had_s=0.0).network_until(None), leaving(had_s=0.0).disk_until) == (100.0, 100.0)
