"""Time in which somebody waits at a queue."""

from __future__ import annotations

from otelkit.stages.queue_times import GET, PUT, QueueTimes
from tests.forking import in_child


def test_those_who_wait_at_once_wait_for_the_time_of_one() -> None:
    """From the first who comes to the last who goes."""
    times = QueueTimes()
    times.begin(PUT, 10)
    times.begin(PUT, 12)
    times.end(PUT, 15)
    times.end(PUT, 20)
    times.begin(PUT, 30)
    times.end(PUT, 31)

    assert (times.waited_ns(PUT, 100), times.waited_ns(GET, 100)) == (11, 0)


def test_a_wait_that_goes_on_counts_up_to_now() -> None:
    """And not twice when it ends."""
    times = QueueTimes()
    times.begin(GET, 10)

    assert times.waited_ns(GET, 15) == 5
    times.end(GET, 20)
    assert times.waited_ns(GET, 50) == 10


def test_a_forked_child_has_waited_for_nothing() -> None:
    """The end of a wait that began in the parent is the parent's."""
    times = QueueTimes()
    times.begin(GET, 10)

    def child() -> int:
        times.end(GET, 20)
        return times.waited_ns(GET, 30)

    assert in_child(child) == 0
    assert times.waited_ns(GET, 30) == 20
