"""How full watched queues are."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import queue
from collections.abc import Iterator
from typing import Any

import pytest

import otelkit
from otelkit._builtin.queue_fill import fullest_queue


@pytest.fixture(autouse=True)
def no_other_queues() -> Iterator[None]:
    """Queues of other tests, which nobody holds any more, are gone."""
    gc.collect()
    yield
    gc.collect()


def filled(made: Any, items: int) -> Any:
    watched = otelkit.watch(made, "a->b")
    for number in range(items):
        watched.put_nowait(number)
    return watched


def test_without_a_watched_queue_nothing_is_full() -> None:
    """Nor with one that has no limit, or is empty."""
    before = fullest_queue()
    unlimited, empty = filled(queue.Queue(), 100), filled(queue.Queue(4), 0)

    assert (before, fullest_queue()) == (0.0, 0.0)
    assert (unlimited.qsize(), empty.qsize()) == (100, 0)


@pytest.mark.parametrize("kind", [queue.Queue, queue.LifoQueue, queue.PriorityQueue, asyncio.Queue])
def test_the_fullest_counts(kind: type) -> None:
    """Of the standard library's queues."""
    queues = [filled(kind(4), 1), filled(kind(4), 3), filled(kind(100), 9)]

    assert fullest_queue() == 0.75
    assert len(queues) == 3


def test_queues_between_processes_count() -> None:
    """By their semaphore; one that is closed is not full."""
    watched = filled(multiprocessing.get_context("fork").Queue(4), 2)
    found = fullest_queue()
    for _ in range(2):
        watched.get()
    watched.close()
    watched.join_thread()

    assert found == 0.5
    assert fullest_queue() == 0.0


def test_a_queue_whose_lock_is_held_is_not_waited_for() -> None:
    """A signal handler of the program's may have interrupted whoever holds it."""
    watched = filled(queue.Queue(4), 2)
    with watched.mutex:
        assert fullest_queue() == 0.5
