"""Waiting for the sending thread."""

from __future__ import annotations

import threading
import time

import pytest

from otelkit.delivery.onlookers import Onlookers

pytestmark = pytest.mark.sdk


def test_each_looks_again_at_every_announcement() -> None:
    """Several wait at once, each for something else, and each returns when that has come true."""
    onlookers = Onlookers()
    done: list[int] = []
    returned: list[int] = []

    def wait(number: int) -> None:
        onlookers.wait(lambda: time.monotonic() + 60, lambda: len(done) >= number)
        returned.append(number)

    threads = [threading.Thread(target=wait, args=(number,)) for number in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for number, thread in enumerate(threads, start=1):
        done.append(number)
        onlookers.announce()
        thread.join(10)
        assert number in returned

    assert returned == [1, 2, 3]
    assert onlookers._bells == {}


def test_what_is_enough_already_is_not_waited_for() -> None:
    """Also when there is no time at all."""
    Onlookers().wait(lambda: 0.0, lambda: True)
    Onlookers().wait(lambda: time.monotonic() + 3600, lambda: True)


def test_nobody_waits_longer_than_until_the_deadline_of_the_moment() -> None:
    """It may come nearer while somebody waits: an announcement has it looked at again."""
    onlookers = Onlookers()
    deadlines = iter([time.monotonic() + 3600, 0.0])
    asked = threading.Event()

    def deadline() -> float:
        asked.set()
        return next(deadlines)

    thread = threading.Thread(target=onlookers.wait, args=(deadline, lambda: False))
    thread.start()
    assert asked.wait(10)
    onlookers.announce()
    thread.join(10)

    assert not thread.is_alive()
    assert next(deadlines, None) is None


def test_a_question_that_fails_leaves_nobody_behind() -> None:
    """The next announcement rings no bell of somebody who has gone."""
    onlookers = Onlookers()
    with pytest.raises(ZeroDivisionError):
        onlookers.wait(lambda: 1 / 0, lambda: False)

    assert onlookers._bells == {}
