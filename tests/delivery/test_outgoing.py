"""One signal's way out as bytes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from otelkit.delivery import circuit
from otelkit.delivery.pace import Patience
from otelkit.delivery.transport import Answer, Contact, Later, Never, Taken
from tests.delivery.carrier import HASTY, STEADY, Carrier, Way
from tests.forking import in_child
from tests.waiting import wait_until

pytestmark = pytest.mark.sdk

DOWN = Later("ConnectionError: no route", contact=Contact.BROKEN)


@pytest.fixture
def way(tmp_path: Path) -> Iterator[Callable[..., Way]]:
    made: list[Way] = []

    def make(answer: Callable[[bytes], Answer] = lambda body: Taken(), **options: Any) -> Way:
        made.append(Way(tmp_path / "spool", Carrier(answer), **options))
        return made[-1]

    yield make
    for one in made:
        one.close(5)


class Switch:
    """Answers `DOWN` until it is switched on."""

    def __init__(self) -> None:
        self.on = False

    def __call__(self, body: bytes) -> Answer:
        return Taken() if self.on else DOWN


class Hold:
    """Holds every request up until it is let go."""

    def __init__(self) -> None:
        self.entered, self.go = threading.Event(), threading.Event()

    def __call__(self, body: bytes) -> Answer:
        self.entered.set()
        assert self.go.wait(30)
        return Taken()


# -- sending -----------------------------------------------------------------------------------------------------------


def test_what_is_put_arrives_and_is_counted(way: Callable[..., Way]) -> None:
    """Nothing is spooled, nothing is told, and the receiver has it when the flush returns."""
    one = way()
    one.put(b"first", 3)

    assert one.outgoing.flush(10) is True
    assert one.carrier.taken == [b"first"]
    assert (one.counts(), one.outgoing.pending(), one.stderr.getvalue()) == ({"delivered": 3}, 0, "")
    assert not one.folder.exists()


def test_nothing_starts_before_something_is_put(way: Callable[..., Way]) -> None:
    """No thread, no connection; a flush and an end without anything start none either."""
    before = threading.active_count()
    one = way()

    assert one.outgoing.flush(1) is True
    one.close(1)
    assert (threading.active_count(), one.carrier.made) == (before, 0)


def test_what_waits_is_joined_in_order_up_to_the_size_of_a_request(way: Callable[..., Way]) -> None:
    """An OTLP request is a repeated field, so joined requests are a request; errors and others stay in order."""
    hold = Hold()
    one = way(hold, request_bytes=6)
    one.put(b"a")
    assert hold.entered.wait(10)
    for body in (b"bb", b"cc"):
        one.put(body)
    one.put(b"", 0, b"dd", 1)
    one.put(b"eeeeeeeee")
    one.put(b"f")
    hold.go.set()
    one.outgoing.flush(10)

    assert one.carrier.taken == [b"a", b"bbccdd", b"eeeeeeeee", b"f"]
    assert one.counts() == {"delivered": 6}


def test_a_put_never_waits_for_the_network(way: Callable[..., Way]) -> None:
    """Here the receiver holds the first request for ever, and a thousand more are put."""
    hold = Hold()
    one = way(hold)
    for _ in range(1000):
        one.put(b"x")

    assert one.outgoing.pending() == 1000
    assert one.outgoing.flush(0) is False
    hold.go.set()
    assert one.outgoing.flush(10) is True


def test_partial_success_counts_what_was_rejected(way: Callable[..., Way]) -> None:
    """The receiver took the request and left two of its spans out for good."""
    one = way(lambda body: Taken(2, "too old"))
    one.put(b"x", 5)

    assert one.outgoing.flush(10) is False
    assert one.counts() == {"delivered": 3, "rejected": 2}


def test_a_receiver_that_rejects_more_than_it_got_is_not_believed(way: Callable[..., Way]) -> None:
    """The account adds up whatever the receiver says."""
    one = way(lambda body: Taken(99))
    one.put(b"x", 5)
    one.outgoing.flush(10)

    assert one.counts() == {"rejected": 5}


def test_of_a_joined_request_that_is_refused_only_the_bad_part_is_lost(way: Callable[..., Way]) -> None:
    """Its parts go out one by one; what is refused by itself is counted and never sent again."""
    hold = Hold()
    one = way(lambda body: hold(body) if body == b"a" else Never("HTTP 400") if b"!" in body else Taken())
    one.put(b"a")
    assert hold.entered.wait(10)
    for body in (b"good", b"bad!", b"fine"):
        one.put(body, 2)
    hold.go.set()

    assert one.outgoing.flush(10) is False
    assert one.carrier.asked == [b"a", b"goodbad!fine", b"good", b"bad!", b"fine"]
    assert one.counts() == {"delivered": 5, "rejected": 2}
    assert one.spooled() == []


# -- memory ------------------------------------------------------------------------------------------------------------


def test_in_too_little_memory_the_newest_go_first_and_errors_last(way: Callable[..., Way]) -> None:
    """What was put first is sent; an error takes the place of the newest that is none."""
    hold = Hold()
    one = way(hold, limit_bytes=4 * 1256)
    for body in (b"1", b"2", b"3", b"4"):
        one.put(body * 1000)
        assert hold.entered.wait(10)
    one.put(b"5" * 1000)
    one.put(b"6" * 1000, 1, b"e" * 1000, 1)
    lost = one.counts()["buffer_full"]
    hold.go.set()
    one.outgoing.flush(10)

    assert lost == 3
    assert b"".join(one.carrier.taken) == b"".join(body * 1000 for body in (b"1", b"2", b"3", b"e"))
    assert one.counts() == {"delivered": 4, "buffer_full": 3}


# -- failing -----------------------------------------------------------------------------------------------------------


def test_what_fails_shortly_is_sent_again_and_never_touches_the_disk(way: Callable[..., Way]) -> None:
    """Three failures in a row, then it works: one delivery, no file, no line."""
    answers = [DOWN, Later("HTTP 503", contact=Contact.BUSY), Later("timed out", contact=Contact.BROKEN)]
    one = way(lambda body: answers.pop(0) if answers else Taken(), patience=STEADY)
    one.put(b"x")
    wait_until(lambda: one.carrier.taken)
    wait_until(lambda: one.counts() == {"delivered": 1})

    assert (len(one.carrier.asked), one.folder.exists(), one.stderr.getvalue()) == (4, False, "")


def test_a_receiver_is_left_alone_for_as_long_as_it_says(way: Callable[..., Way]) -> None:
    """Retry-After comes before our own spacing; asked to come back in an hour, we spool instead of waiting."""
    one = way(lambda body: Later("HTTP 429", 3600.0, Contact.BUSY), patience=Patience(0.001, 0.01, 5.0))
    one.put(b"x")
    wait_until(lambda: one.counts() == {"spooled": 1})
    one.put(b"y")
    wait_until(lambda: one.counts() == {"spooled": 2})

    assert one.carrier.asked == [b"x"]
    assert one.outgoing._pace.try_again_at > time.monotonic() + 3500


def test_a_flush_comes_back_to_a_busy_receiver_if_there_is_time(way: Callable[..., Way]) -> None:
    """A receiver that asks for a moment is healthy: nothing is spooled."""
    answers = [Later("HTTP 429", 0.01, Contact.BUSY)]
    one = way(lambda body: answers.pop(0) if answers else Taken(), patience=STEADY)
    one.put(b"x")
    one.outgoing.flush(20)

    assert (one.counts(), len(one.carrier.asked)) == ({"delivered": 1}, 2)


def test_a_flush_spools_what_fails(way: Callable[..., Way]) -> None:
    """A child process may be killed right after its flush."""
    one = way(Switch(), patience=Patience(60.0, 60.0, 600.0))
    one.put(b"x", 2)

    assert one.outgoing.flush(20) is False
    assert (one.counts(), one.spooled()) == ({"spooled": 2}, [b"x"])


def test_what_was_spooled_is_sent_in_order_when_the_receiver_is_back(way: Callable[..., Way]) -> None:
    """By this very process, before what came later; each request once, and the files are gone."""
    switch = Switch()
    one = way(switch, patience=Patience(1.0, 1.0, 0.0))
    for body in (b"1", b"2", b"3"):
        one.put(body)
        wait_until(lambda: one.outgoing.pending() == 0)
    before = one.counts()
    switch.on = True
    one.outgoing._pace.success()
    one.put(b"4")
    wait_until(lambda: one.counts() == {"delivered": 4})

    assert before == {"spooled": 3}
    assert one.carrier.taken == [b"1", b"2", b"3", b"4"]
    assert one.spooled() == []


def test_the_account_balances_at_every_instant(way: Callable[..., Way]) -> None:
    """Looked at all the time while requests are spooled and sent after all; nothing is ever counted twice."""
    switch = Switch()
    one = way(switch)
    sums: set[bool] = set()
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            found = one.ledger.counts("traces")
            sums.add(0 <= found.delivered + found.spooled + sum(found.lost.values()) <= found.created)

    looking = threading.Thread(target=look)
    looking.start()
    for number in range(200):
        one.put(b"x", 3)
        switch.on = number % 20 > 10
    switch.on = True
    wait_until(lambda: one.counts() == {"delivered": 600})
    stop.set()
    looking.join()

    assert sums == {True}
    assert b"".join(one.carrier.taken) == b"x" * 200


def test_without_a_spool_it_waits_in_memory_and_is_lost_at_the_end(way: Callable[..., Way]) -> None:
    """A flush does not wait for better times, and the loss has its reason."""
    one = way(Switch(), spooling=False)
    one.put(b"x")
    first = one.outgoing.flush(20)
    pending = one.counts()
    one.close(5)

    assert (first, pending) == (False, {"pending": 1})
    assert one.counts() == {"export_failed": 1}


def test_a_destination_that_does_not_count_neither_counts_nor_spools(way: Callable[..., Way]) -> None:
    """With two exporters for one signal each item is counted once."""
    one = way(Switch(), principal=False)
    one.put(b"x", 0, b"e", 0)
    one.outgoing.put(b"x", 2)
    one.close(5)

    assert (one.counts(), one.spooled()) == ({}, [])


def test_a_transport_that_can_not_be_made_is_a_way_that_is_broken(way: Callable[..., Way], tmp_path: Path) -> None:
    """A missing library or certificate costs nothing: it is kept, and the notice says why."""

    def make() -> Any:
        raise ImportError("no module named grpc")

    one = Way(tmp_path / "spool", make, patience=HASTY)
    one.put(b"x")
    wait_until(lambda: one.counts() == {"spooled": 1})
    one.close(5)

    assert "ImportError: no module named grpc" in one.stderr.getvalue()


# -- hanging -----------------------------------------------------------------------------------------------------------


def test_another_thread_takes_over_from_one_that_hangs(way: Callable[..., Way]) -> None:
    """A request that takes for ever (a name server, an answer byte by byte) holds up nothing but itself, and counts once."""
    hold = Hold()
    one: Way = way(lambda body: hold(body) if one.carrier.made == 1 else Taken(), send_limit_s=0.05)
    one.put(b"1")
    assert hold.entered.wait(10)
    wait_until(lambda: time.monotonic() - (one.outgoing._turns.current.sending_since or 0.0) > 0.2)
    one.put(b"2")
    wait_until(lambda: one.counts() == {"delivered": 2})
    hold.go.set()
    wait_until(lambda: len(one.carrier.asked) >= 2 and one.counts() == {"delivered": 2})

    assert one.carrier.made == 2


def test_no_more_than_some_threads_hang_at_a_time(way: Callable[..., Way], tmp_path: Path) -> None:
    """Then everything is spooled until one of them comes back."""
    hold = Hold()
    one = way(hold, send_limit_s=0.01)
    for _ in range(200):
        one.put(b"x")
        threading.Event().wait(0.005)
    wait_until(lambda: one.outgoing.pending() == 0)
    made = one.carrier.made
    counts = one.counts()
    hold.go.set()

    assert made <= 3
    assert counts == {"spooled": 200}


# -- the end -----------------------------------------------------------------------------------------------------------


def test_the_end_sends_what_waits(way: Callable[..., Way]) -> None:
    """All of it, since the receiver is healthy; the connection is closed and the thread ends."""
    one = way(request_bytes=1)
    for number in range(50):
        one.put(b"%d" % number)
    one.close(20)

    assert one.counts() == {"delivered": 50}
    wait_until(lambda: one.carrier.closed)


def test_the_end_spools_what_is_being_sent_and_what_waits(way: Callable[..., Way]) -> None:
    """A receiver that never answers does not hold the program up, and an answer that comes later is not counted again."""
    hold = Hold()
    one = way(hold)
    one.put(b"1", 2)
    assert hold.entered.wait(10)
    one.put(b"2", 3)
    one.outgoing.close(0.2)
    counts = one.counts()
    hold.go.set()
    wait_until(lambda: one.carrier.taken == [b"1"])

    assert one.spooled() == [b"12"]
    assert counts == one.counts() == {"spooled": 5}
    assert "the program ended" in one.stderr.getvalue()


def test_the_end_waits_for_a_busy_receiver_while_there_is_time(way: Callable[..., Way]) -> None:
    """A burst right before the end may fill the receiver's queue; it says when to come again."""
    answers = [Later("HTTP 429", 0.05, Contact.BUSY)] * 3
    one = way(lambda body: answers.pop() if answers else Taken(), patience=STEADY)
    one.put(b"x")
    one.close(20)

    assert one.counts() == {"delivered": 1}


def test_the_end_sends_what_this_process_had_spooled_if_the_receiver_is_back(way: Callable[..., Way]) -> None:
    """A receiver that was away for a moment leaves no file behind."""
    answers = [DOWN]
    one = way(lambda body: answers.pop() if answers else Taken())
    one.put(b"1")
    wait_until(lambda: not answers and "pending" not in one.counts())
    wait_until(lambda: not one.outgoing._pace._circuit.open())
    one.put(b"2")
    one.close(20)

    assert (one.counts(), sorted(one.carrier.taken)) == ({"delivered": 2}, [b"1", b"2"])


def test_the_end_sends_what_failed_often_while_the_receiver_was_away(way: Callable[..., Way]) -> None:
    """After three attempts others go first, and when one of them was taken, that was the receiver's fault."""
    switch = Switch()
    one = way(switch, patience=Patience(0.001, 600.0, 0.0))
    one.put(b"1")
    wait_until(lambda: len(one.carrier.asked) == 4 and one.outgoing._replay is not None and not one.outgoing._replay)
    wait_until(lambda: not one.outgoing._pace._circuit.open())
    switch.on = True
    one.put(b"2")
    one.close(20)

    assert (one.counts(), one.carrier.taken) == ({"delivered": 2}, [b"2", b"1"])


def test_the_end_waits_for_the_answer_to_what_is_sent_from_the_spool(way: Callable[..., Way]) -> None:
    """The receiver would have it twice if the file stayed, and this is all there is to send."""
    hold = Hold()
    answers = [DOWN]
    one = way(lambda body: answers.pop() if answers else hold(body))
    one.put(b"1")
    assert hold.entered.wait(10)
    closing = threading.Thread(target=one.outgoing.close, args=(20,))
    closing.start()
    wait_until(lambda: one.outgoing._onlookers._bells)
    hold.go.set()
    closing.join(20)

    assert (one.counts(), one.carrier.taken, one.spooled()) == ({"delivered": 1}, [b"1"], [])


def test_what_comes_after_the_end_is_spooled(way: Callable[..., Way]) -> None:
    """Late threads may still put; without a spool it is counted as that."""
    one, other = way(), way(spooling=False)
    for each in (one, other):
        each.close(1)
        each.put(b"late", 2, b"error", 1)

    assert (one.counts(), one.spooled()) == ({"spooled": 3}, [b"late", b"error"])
    assert other.counts() == {"after_shutdown": 3}


def test_an_end_with_something_still_to_come_keeps_time_for_the_disk(way: Callable[..., Way]) -> None:
    """The more is to come, the earlier the network is left, but never before a quarter of the time."""
    one = way()
    now = time.monotonic()
    one.outgoing.exit_by(now + 8.0)
    late = one.outgoing._network_until() - now
    one.outgoing.exit_by(now + 8.0, lambda: 10**9)
    early = one.outgoing._network_until() - now

    assert 7.0 < late < 8.0
    assert 1.9 < early < 2.1


# -- the next start ----------------------------------------------------------------------------------------------------


def test_what_an_ended_process_left_is_sent_when_there_is_nothing_else(way: Callable[..., Way]) -> None:
    """After the first request went well; it is not counted here, since it was not made here."""
    first = way(Switch())
    for body in (b"1", b"2"):
        first.put(body)
        wait_until(lambda: first.outgoing.pending() == 0)
    first.close(5)
    second = way()
    second.put(b"new")
    wait_until(lambda: second.carrier.taken == [b"new", b"1", b"2"])
    wait_until(lambda: second.spooled() == [])

    assert (first.counts(), second.counts()) == ({"spooled": 2}, {"delivered": 1})


def test_what_was_meant_for_another_receiver_is_left_alone(way: Callable[..., Way]) -> None:
    """A folder may be shared by programs that send to different places."""
    first = way(Switch(), endpoint="https://elsewhere.example/v1/traces", patience=STEADY)
    first.put(b"theirs")
    first.close(5)
    second = way()
    second.put(b"ours")
    second.outgoing.flush(10)
    second.close(5)

    assert (second.carrier.taken, second.spooled()) == ([b"ours"], [b"theirs"])


# -- processes ---------------------------------------------------------------------------------------------------------


def test_a_forked_child_sends_its_own_and_nothing_of_its_parent(way: Callable[..., Way]) -> None:
    """It starts empty, with a thread and a transport of its own, and its account is its own."""
    hold = Hold()
    one = way(hold)
    one.put(b"parent")
    assert hold.entered.wait(10)

    def child() -> Any:
        one.carrier.answer = lambda body: Taken()
        before = one.outgoing.pending()
        one.put(b"child")
        done = one.outgoing.flush(10)
        return [before, done, [body.decode() for body in one.carrier.taken], one.carrier.made, one.counts()]

    found = in_child(child)
    hold.go.set()
    one.outgoing.flush(10)

    assert found == [0, True, ["child"], 2, {"delivered": 1}]
    assert (one.carrier.taken, one.counts()) == ([b"parent"], {"delivered": 1})


def test_many_threads_put_at_once_and_each_item_is_counted_once(way: Callable[..., Way]) -> None:
    """With failures in between."""
    answers = iter([DOWN, Taken(), Later("HTTP 503", contact=Contact.BUSY)] * 5)
    one = way(lambda body: next(answers, Taken()), patience=STEADY)

    def work() -> None:
        for _ in range(200):
            one.put(b"x", 1, b"e", 1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_until(lambda: one.outgoing.pending() == 0)

    assert one.counts() == {"delivered": 3200}
    assert sorted(b"".join(one.carrier.taken)) == sorted(b"x" * 1600 + b"e" * 1600)


@pytest.fixture(autouse=True)
def nobody_is_known_to_be_silent() -> Iterator[None]:
    """What one test learns of a host is not known to the next."""
    circuit._silent_until.clear()
    yield
    circuit._silent_until.clear()
