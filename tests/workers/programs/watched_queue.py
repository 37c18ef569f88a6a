"""A watched queue between a producer and a consumer in a thread or a process of its own; the items are plain tuples."""

from __future__ import annotations

import multiprocessing
import os
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import otelkit
from columns import Column, main
from truth import Ids, here, note, note_end

# Any below: a queue of any kind. Its items are the ids of the spans that put them, so that the taker knows whom to link to.
ITEMS = 4
KIND = os.environ["QUEUE"]
METHOD = os.environ.get("METHOD")


def make_queue() -> Any:
    if KIND == "multiprocessing":
        made: Any = multiprocessing.get_context(METHOD).Queue(2)
    else:
        made = {"queue": queue.Queue, "priority": queue.PriorityQueue, "lifo": queue.LifoQueue}[KIND](2)
    return otelkit.watch(made, "produce->consume")


@otelkit.stage("produce")
def produce(parent: Ids, items: Any) -> None:
    note("produce", parent)
    items.put(here())


@otelkit.stage("consume")
def consume(parent: Ids, item: Ids) -> None:
    note("consume", parent, links=[item])


@otelkit.stage("consume badly")
def consume_badly(parent: Ids, item: Ids) -> None:
    note("consume badly", parent, links=[item], outcome="error", error="ValueError")
    raise ValueError("on purpose")


@otelkit.stage("fan in")
def fan_in(parent: Ids, items: Any) -> None:
    """Take several items in one call: it links to them all."""
    note("fan in", parent)
    note_end(links=[items.get() for _ in range(ITEMS)])


@otelkit.stage("taking")
def taking(parent: Ids, items: Any) -> Iterator[Ids]:
    """Hand on what comes from the queue."""
    note("taking", parent, ok=ITEMS)
    taken = []
    for _ in range(ITEMS):
        taken.append(items.get())
        note_end(links=taken)
        yield taken[-1]


@otelkit.stage("taking until closed")
def taking_until_closed(parent: Ids, items: Any) -> Iterator[Ids]:
    """Hand on what comes from the queue, and be closed."""
    note("taking until closed", parent, outcome="cancelled", ok=ITEMS)
    taken = []
    while True:
        taken.append(items.get())
        note_end(links=taken)
        yield taken[-1]


@otelkit.stage("finds nothing")
def finds_nothing(parent: Ids, items: Any) -> None:
    """Ask an empty queue: nothing came, so nothing is linked."""
    note("finds nothing", parent, links=[])
    try:
        items.get(timeout=0.01)
    except queue.Empty:
        return
    raise AssertionError("it was not empty")


def one_by_one(run: Ids, items: Any) -> None:
    """Take outside of any stage: the next stage links."""
    for _ in range(ITEMS):
        consume(run, items.get())


def failing(run: Ids, items: Any) -> None:
    for _ in range(ITEMS):
        try:
            consume_badly(run, items.get())
        except ValueError:
            continue
        raise AssertionError("nothing was raised")


def iterating(run: Ids, items: Any) -> None:
    assert len(list(taking(run, items))) == ITEMS


def closing(run: Ids, items: Any) -> None:
    iterator = taking_until_closed(run, items)
    assert len([next(iterator) for _ in range(ITEMS)]) == ITEMS
    iterator.close()  # type: ignore[attr-defined]  # annotated as what its consumers see
    finds_nothing(run, items)


def between(consumer: Callable[[Ids, Any], None]) -> Column:
    """Return a column: the main thread produces, ``consumer`` consumes elsewhere."""

    def column(run: Ids) -> None:
        items = make_queue()
        if KIND == "multiprocessing":
            child: Any = multiprocessing.get_context(METHOD).Process(target=consumer, args=(run, items))
        else:
            child = threading.Thread(target=consumer, args=(run, items))
        child.start()
        for _ in range(ITEMS):
            produce(run, items)
        child.join()
        assert getattr(child, "exitcode", 0) == 0

    return column


if __name__ == "__main__":
    main(
        {
            "plain": between(one_by_one),
            "fan-in": between(fan_in),
            "generator": between(iterating),
            "raises": between(failing),
            "stopped": between(closing),
        }
    )
