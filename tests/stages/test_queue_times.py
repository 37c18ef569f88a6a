"""Time in which somebody waits at a queue."""

from __future__ import annotations

from collections.abc import Mapping

from otelkit import names
from otelkit.model.calls import AttributeValue
from otelkit.stages.queue_times import GET, OTHER_STAGES, PUT, QueueTimes, Side, Waiter
from tests.forking import held_by_another_thread, in_child

PARSE = Waiter(("p", "parse"), inside=True)
STORE = Waiter(("p", "store"), inside=False)


class Histogram:
    """Keeps what is handed over; is its own series."""

    def __init__(self) -> None:
        self.asked: list[Mapping[str, AttributeValue]] = []
        self.values: list[float] = []

    def series(self, attributes: Mapping[str, AttributeValue]) -> Histogram:
        self.asked.append(attributes)
        return self

    def put(self, values: list[float]) -> None:
        self.values += values

    def hand_over(self) -> None: ...


def test_those_who_wait_at_once_wait_for_the_time_of_one() -> None:
    """From the first who comes to the last who goes; each of them has waited for their own time."""
    side = Side(None)
    side.begin(1, PARSE, 10)
    side.begin(2, STORE, 12)
    side.end(1, PARSE, 10, 15, handed_over=True)
    side.end(2, STORE, 12, 20, handed_over=True)
    side.begin(3, PARSE, 30)
    side.end(3, PARSE, 30, 31, handed_over=False)

    assert side.waited_ns(100) == 11
    assert side.by_waiter_ns(100) == {PARSE: 6, STORE: 8}


def test_a_wait_that_goes_on_counts_up_to_now() -> None:
    """And not twice when it ends."""
    side = Side(None)
    side.begin(1, PARSE, 10)

    assert (side.waited_ns(15), side.by_waiter_ns(15)) == (5, {PARSE: 5})
    side.end(1, PARSE, 10, 20, handed_over=True)
    assert (side.waited_ns(50), side.by_waiter_ns(50)) == (10, {PARSE: 10})


def test_whose_time_it_was_may_be_told_later() -> None:
    """A wait between two calls is the next one's."""
    side = Side(None)
    side.begin(1, None, 10)
    side.end(1, None, 10, 30, handed_over=True)
    side.add(STORE, 20)

    assert (side.waited_ns(50), side.by_waiter_ns(50)) == (20, {STORE: 20})


def test_waits_for_items_that_came_go_to_the_histogram_in_batches() -> None:
    """In seconds; those that ended empty-handed do not."""
    histogram = Histogram()
    times = QueueTimes("jobs", histogram)
    side = times.side(GET)
    for _ in range(512):
        assert histogram.values == []
        side.begin(1, None, 0)
        side.end(1, None, 0, 2_000_000_000, handed_over=True)
    side.begin(1, None, 0)
    side.end(1, None, 0, 1, handed_over=False)
    side.hand_over()

    assert histogram.values == [2.0] * 512
    assert histogram.asked == [{names.QUEUE_NAME: "jobs", names.LABEL_OPERATION: each} for each in (PUT, GET)]


def test_a_forked_child_has_waited_for_nothing() -> None:
    """The end of a wait that began in the parent is the parent's; a lock that another thread held there is new."""
    side = Side(Histogram())
    side.begin(1, PARSE, 10)

    def child() -> list[object]:
        side.end(1, PARSE, 10, 20, handed_over=True)
        return [side.waited_ns(30), len(side.by_waiter_ns(30))]

    with held_by_another_thread(side._lock):
        assert in_child(child) == [0, 0]
    assert side.waited_ns(30) == 20


def test_stages_named_after_data_do_not_fill_the_memory() -> None:
    """Beyond 2,000 at one queue the rest is counted together."""
    side = Side(None)
    for number in range(2_100):
        side.add(Waiter(("p", f"stage {number}"), inside=True), 1)
    found = side.by_waiter_ns(0)

    assert (len(found), sum(found.values())) == (2_001, 2_100)
    assert found[Waiter(OTHER_STAGES, inside=True)] == 100
