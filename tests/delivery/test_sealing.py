"""A process that may be killed keeps what it has not given away, and gives it to who can send it for sure."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from otelkit._folder import make_private_folder
from otelkit.delivery import heir as heirs
from otelkit.delivery.heir import Heir
from otelkit.delivery.left_by_children import LeftByChildren
from otelkit.delivery.left_sealed import take_in
from otelkit.delivery.sealed_record import what_is_left
from otelkit.delivery.segment import destination, head
from otelkit.delivery.segment_file import store
from otelkit.delivery.transport import Answer, Contact, Later, Taken
from otelkit.delivery.waiting import Parcel
from tests.delivery.carrier import STEADY, Carrier, Way
from tests.forking import in_child
from tests.waiting import wait_until

ENDPOINT = "http://collector.example:4318"


class Standing(Heir):
    """An heir that lives as long as it is told."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.there = True

    def lives(self) -> bool:
        return self.there


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def way(folder: Path) -> Iterator[Callable[..., Way]]:
    made: list[Way] = []

    def make(
        answer: Callable[[bytes], Answer] = lambda body: Taken(),
        *,
        there: bool = True,
        child: bool = True,
        **options: Any,
    ) -> Way:
        heir = Standing(folder)
        heir.there = there
        made.append(Way(folder, Carrier(answer), heir=heir, endpoint=ENDPOINT, **options))
        if child:
            made[-1].outgoing.sealing.begin()
        return made[-1]

    yield make
    for one in made:
        one.close(5)


def sealed(folder: Path) -> list[bytes]:
    paths = sorted(folder.glob("*.sealed")) if folder.exists() else []
    return [each.body for path in paths for each in what_is_left(path.read_bytes())]


def test_what_is_sealed_is_safe_before_it_is_sent(way: Callable[..., Way], folder: Path) -> None:
    """Errors as well; nothing waits for the network."""
    one = way(there=False)
    one.put(b"span", 1, b"error", 1)

    assert one.outgoing.seal(5) is True
    assert sorted(sealed(folder)) == [b"error", b"span"]
    assert one.carrier.asked == []


def test_what_is_delivered_is_sealed_no_more(way: Callable[..., Way], folder: Path) -> None:
    """Without an heir the process sends by itself, in the background and joined."""
    one = way(there=False)
    for _ in range(3):
        one.put(b"span,")
        one.outgoing.seal(5)
    wait_until(lambda: one.counts() == {"delivered": 3})

    wait_until(lambda: sealed(folder) == [])
    assert one.carrier.taken == [b"span,span,span,"]


def test_an_heir_gets_everything_and_nothing_is_sent(way: Callable[..., Way], folder: Path) -> None:
    """So that nothing can be in the middle of being sent when the process is killed."""
    one = way()
    for number in range(3):
        one.put(b"span%d," % number)
        one.outgoing.seal(5)
    wait_until(lambda: one.counts() == {"spooled": 3})

    (found,) = take_in(folder)
    assert found[:2] == ("traces", destination(ENDPOINT))
    assert found[2].read_bytes().endswith(b"span0,span1,span2,")
    assert one.carrier.asked == []


def test_what_is_sealed_just_before_it_would_be_sent_is_left_to_the_heir(
    way: Callable[..., Way], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first stages of a child may end between the look for an heir and the sending: its heir would send them again."""
    one = way(child=False)
    take = one.outgoing._waiting.take

    def seal_first(most_bytes: int) -> Parcel | None:
        one.outgoing.sealing.begin()
        one.outgoing.sealing.write()
        return take(most_bytes)

    monkeypatch.setattr(one.outgoing._waiting, "take", seal_first)
    one.put(b"span")
    wait_until(lambda: one.counts() == {"spooled": 1})

    assert one.carrier.asked == []


@pytest.mark.parametrize("there", [True, False])
def test_what_others_have_left_is_for_who_is_not_killed(there: bool, way: Callable[..., Way], folder: Path) -> None:
    """A child that was asked to flush knows that the receiver takes requests; what is in the spool it leaves to its heir."""
    one = way(there=there)
    make_private_folder(folder)
    store(folder, (head("traces", 1, b"left", destination(ENDPOINT)), b"left"), forced=False)
    one.put(b"flushed")
    assert one.outgoing.flush(5)
    one.outgoing._send_next(one.outgoing._turns.current)
    wait_until(lambda: len(one.carrier.taken) == (1 if there else 2))

    assert one.carrier.taken == ([b"flushed"] if there else [b"flushed", b"left"])


def test_what_comes_while_it_is_handed_over_is_neither_lost_nor_twice(way: Callable[..., Way], folder: Path) -> None:
    """Four threads seal; one looks all the time."""
    one = way(request_bytes=2000)  # so that it is given away often
    found: list[bytes] = []
    done = threading.Event()

    def make(thread: int) -> None:
        for number in range(300):
            one.put(b"<%d.%d>" % (thread, number))
            one.outgoing.seal(5)

    def look() -> None:
        while not done.is_set():
            found.extend(path.read_bytes() for _, _, path in take_in(folder))

    makers = [threading.Thread(target=make, args=(thread,)) for thread in range(4)]
    looker = threading.Thread(target=look)
    for thread in (looker, *makers):
        thread.start()
    for thread in makers:
        thread.join()
    one.close(5)
    done.set()
    looker.join()
    found.extend(path.read_bytes() for _, _, path in take_in(folder))
    text = b"".join(found)

    assert [text.count(b"<%d.%d>" % (thread, number)) for thread in range(4) for number in range(300)] == [1] * 1200
    assert one.counts() == {"spooled": 1200}


def test_a_flush_sends(way: Callable[..., Way], folder: Path) -> None:
    """Who asks for it wants it to be there, heir or not."""
    one = way()
    one.put(b"span")
    one.outgoing.seal(5)

    assert one.outgoing.flush(10) is True
    assert one.carrier.taken == [b"span"]
    wait_until(lambda: sealed(folder) == [])


def test_the_end_hands_over_and_leaves_no_file_of_its_own(way: Callable[..., Way], folder: Path) -> None:
    """At once, whatever the network does."""
    one = way(lambda body: Later("down", contact=Contact.BROKEN))
    one.put(b"span")
    one.outgoing.seal(5)
    one.close(5)

    assert one.counts() == {"spooled": 1}
    assert [path.suffix for path in folder.iterdir()] == [".sealed"]
    assert [each[2].read_bytes()[-4:] for each in take_in(folder)] == [b"span"]


def test_while_half_of_the_spool_is_used_the_process_sends_by_itself(way: Callable[..., Way], folder: Path) -> None:
    """An heir that does not come must not fill the disk."""
    folder.mkdir(parents=True)
    (folder / "something").write_bytes(bytes(6 * 10**7))
    one = way()
    one.put(b"span")
    one.outgoing.seal(5)

    wait_until(lambda: one.carrier.taken == [b"span"])


def test_a_program_seals_nothing(way: Callable[..., Way], folder: Path) -> None:
    """It flushes, as whoever calls `seal` wants it to be safe."""
    one = way(child=False)
    one.put(b"span")

    assert one.outgoing.seal(10) is True
    assert one.carrier.taken == [b"span"]
    assert not folder.exists()


def test_what_can_not_be_sealed_is_sent(way: Callable[..., Way], folder: Path) -> None:
    """A folder that can't be made costs time, and no telemetry."""
    folder.write_text("a file is in the way")
    one = way()
    one.put(b"span")

    assert one.outgoing.seal(10) is True
    assert one.carrier.taken == [b"span"]
    folder.unlink()


def test_what_was_dropped_for_want_of_room_is_not_sent_by_somebody_else(way: Callable[..., Way], folder: Path) -> None:
    """It is counted as lost, so it must not arrive."""
    one = way(lambda body: Later("down", contact=Contact.BROKEN), there=False, limit_bytes=2000, patience=STEADY)
    one.put(b"old", 1)
    one.outgoing.seal(5)
    one.put(b"", 0, b"error" * 300, 1)
    one.outgoing.seal(5)

    assert one.counts()["buffer_full"] == 1
    assert sealed(folder) == [b"error" * 300]


def test_a_forked_child_starts_without_its_parent_s_requests(way: Callable[..., Way], folder: Path) -> None:
    """They stay in the parent's file, which the child neither holds nor writes."""
    one = way()
    one.put(b"parent's")
    one.outgoing.seal(5)

    def child() -> int:
        one.outgoing.sealing.begin()
        one.outgoing.put(b"child's", 1)
        one.outgoing.seal(5)
        return len(list(folder.glob("*.sealed")))

    assert in_child(child) == 2
    assert sorted(sealed(folder)) == [b"child's", b"parent's"]


def test_the_parent_sends_what_a_killed_child_left(folder: Path) -> None:
    """Soon, before its own spooled requests are asked for; and a flush includes it."""
    left = LeftByChildren(folder)
    carrier = Carrier()
    one = Way(folder, carrier, endpoint=ENDPOINT, heir=Heir(folder), left=left)
    os.environ.pop(heirs._VARIABLE, None)
    left.expect()

    def child() -> None:
        one.outgoing.sealing.begin()
        one.outgoing.put(b"child's", 1)
        assert one.outgoing.seal(5)

    in_child(child)
    left.look(at_once=True)
    flushed = one.outgoing.flush(10)
    counts = one.counts()
    one.close(5)

    assert (flushed, carrier.taken) == (True, [b"child's"])
    assert counts == {}, "it is in the child's account"
    assert list(folder.iterdir()) == []


def test_a_program_that_does_nothing_itself_sends_what_its_child_left(folder: Path) -> None:
    """Its thread sleeps by then, for as long as there is nothing to send; it is woken by the start of the child."""
    left = LeftByChildren(folder)
    carrier = Carrier()
    one = Way(folder, carrier, endpoint=ENDPOINT, left=left)
    one.outgoing.prepare()
    wait_until(lambda: left.look_at == float("inf"))

    def child() -> None:
        theirs = Way(folder, carrier, endpoint=ENDPOINT, heir=Heir(folder))
        theirs.outgoing.sealing.begin()
        theirs.outgoing.put(b"child's", 1)
        assert theirs.outgoing.seal(5)

    in_child(child)
    left.expect()
    wait_until(lambda: carrier.taken == [b"child's"], 5)
    one.close(5)
