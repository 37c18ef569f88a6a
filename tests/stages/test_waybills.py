"""Items are known by their identity, and by nothing else."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

from opentelemetry.trace import SpanContext

from otelkit.stages.waybills import MOST, Waybills
from tests.forking import held_by_another_thread, in_child


class Item:
    """Can be referred to weakly, as most objects; fails at all else."""

    def __eq__(self, other: object) -> bool:
        raise AssertionError("an item was compared")

    def __hash__(self) -> int:
        raise AssertionError("an item was hashed")

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"an item was asked for {name}")


def span(number: int) -> SpanContext:
    return SpanContext(1, number, is_remote=False)


def waybills(depth: int | None = 0, *, newest_first: bool = False, trusted: bool = True) -> Waybills:
    return Waybills(lambda: depth, newest_first=newest_first, trusted=trusted)


def test_an_item_is_handed_on_as_it_is_and_known_once() -> None:
    """Neither compared nor hashed nor asked for anything."""
    bills, item, other = waybills(), Item(), Item()

    assert bills.send(item, span(1)) is item
    assert bills.receive(other) is None
    assert bills.receive(item) == span(1)
    assert bills.receive(item) is None


def test_an_object_put_several_times_comes_out_in_the_order_of_its_queue() -> None:
    """Oldest first, or newest first of a stack; also where one of its producers is not recorded."""
    found = []
    for newest_first in (False, True):
        bills = waybills(newest_first=newest_first)
        for context in (span(1), None, span(3)):
            bills.send("item", context)
        found.append([bills.receive("item") for _ in range(4)])

    assert found == [[span(1), None, span(3), None], [span(3), None, span(1), None]]


def test_an_item_that_was_not_put_is_forgotten() -> None:
    """The last of its kind: those before were put."""
    bills = waybills()
    bills.send("item", span(1))
    bills.send("item", span(2))
    bills.withdraw("item")

    assert [bills.receive("item"), bills.receive("item")] == [span(1), None]


def test_an_item_taken_elsewhere_can_go_and_is_taken_for_no_other() -> None:
    """Whatever gets its address later: objects of one class made in turn mostly do."""
    bills = waybills()
    item = Item()
    gone, address = weakref.ref(item), id(item)
    bills.send(item, span(1))
    del item
    gc.collect()

    assert gone() is None
    for _ in range(1_000):
        item = Item()
        assert bills.receive(item) is None
        if id(item) == address:
            break


def test_items_taken_elsewhere_do_not_pile_up() -> None:
    """The oldest that can't be in the queue any more are forgotten."""
    bills = waybills(depth=10)
    items = [(number,) for number in range(1_000)]
    for item in items:
        bills.send(item, span(item[0] + 1))

    assert bills._known <= 200
    assert [bills.receive(item) for item in items[-10:]] == [span(number + 1) for number in range(990, 1_000)]


def test_a_long_queue_is_known_up_to_a_bound() -> None:
    """Of those beyond the bound nothing is known."""
    held: list[tuple[int]] = []
    bills = Waybills(lambda: len(held), newest_first=False, trusted=True)
    for number in range(MOST + 10):
        item = (number,)
        held.append(item)
        bills.send(item, span(number + 1))

    assert bills._known == MOST
    assert bills.receive(held[-1]) is None
    assert bills.receive(held[0]) == span(1)


def test_a_queue_that_never_hands_out_what_was_put_holds_few_items() -> None:
    """A stranger's, whose items come out on another machine; one that turns out to be like ours is trusted."""
    bills = waybills(depth=None, trusted=False)
    items = [(number,) for number in range(1_000)]
    for item in items:
        bills.send(item, span(1))

    assert bills._known == 64
    assert bills.receive(items[0]) == span(1)
    for item in items:
        bills.send(item, span(1))
    assert bills._known > 64


def test_many_threads_lose_and_mix_up_nothing() -> None:
    """Each finds its own, though all put the same objects too."""
    bills = waybills(depth=100_000)
    wrong: list[object] = []

    def work(number: int) -> None:
        for turn in range(500):
            item = (number, turn)
            bills.send(item, span(number + 1))
            bills.send("shared", span(99))
            if bills.receive(item) != span(number + 1) or bills.receive("shared") != span(99):
                wrong.append(item)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert bills._known == 0


def test_a_forked_child_has_its_own_lock() -> None:
    """Another thread of the parent may hold the parent's; what the queue holds is known in the child too."""
    bills = waybills()
    bills.send("item", span(1))
    with held_by_another_thread(bills._lock):
        found = in_child(lambda: getattr(bills.receive("item"), "span_id", None))

    assert found == 1
