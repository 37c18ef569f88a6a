"""Counting without locks."""

from __future__ import annotations

import threading

import pytest

from otelkit.ledger.tally import Tally

pytestmark = pytest.mark.sdk


def test_threads_that_add_at_once_lose_no_count() -> None:
    """The sum is exact, read while threads add and after."""
    tally = Tally()
    seen: list[int] = []

    def add_many() -> None:
        for _ in range(20_000):
            tally.add(1)

    threads = [threading.Thread(target=add_many) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        seen.append(tally.total())
    for thread in threads:
        thread.join()

    assert tally.total() == 80_000
    assert seen == sorted(seen), "a sum went back"


def test_what_is_added_does_not_pile_up() -> None:
    """Memory stays bounded although nobody reads the sum."""
    tally = Tally()
    for _ in range(50_000):
        tally.add(1)

    assert len(tally._added) < 5_000
    assert tally.total() == 50_000


def test_a_reader_that_interrupts_a_reader_does_not_wait_for_itself() -> None:
    """A signal handler that asks for the sum gets an answer although the frame below it holds the lock."""
    tally = Tally()
    tally.add(3)
    tally._folding.acquire()
    try:
        assert tally.total() == 3
    finally:
        tally._folding.release()
