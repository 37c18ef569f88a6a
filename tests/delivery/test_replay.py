"""What lies in the spool and is to be sent by this process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from otelkit.delivery.replay import Replay
from otelkit.delivery.segment import ANYWHERE, destination
from otelkit.delivery.spool import Spool, read_spool
from otelkit.delivery.spool_reader import SpooledRequest
from otelkit.delivery.transport import Contact
from otelkit.ledger.ledger import Ledger
from otelkit.model.signals import Signal
from tests.forking import in_child

pytestmark = pytest.mark.sdk

HERE = destination("http://here")


def spool(folder: Path, *bodies: str, signal: Signal = "traces", to: int = HERE) -> list[Path]:
    written = Spool(folder, 10**6, Ledger())
    paths = [written.keep(signal, body.encode(), 1, destination=to) for body in bodies]
    return [path for path in paths if path is not None]


def body(request: SpooledRequest | None) -> str | None:
    return None if request is None else request.body.decode()


def finish(replay: Replay, request: SpooledRequest | None) -> str:
    assert request is not None
    request.done()
    replay.done(request)
    return request.body.decode()


def test_this_processes_own_come_in_order(tmp_path: Path) -> None:
    """Each once; those that another reader has taken meanwhile are his."""
    replay = Replay(tmp_path, "traces", HERE)
    for path in spool(tmp_path, "1", "2", "3"):
        replay.add(path)
    next(iter(read_spool(tmp_path))).done()

    assert len(replay) == 3
    assert [finish(replay, replay.own()), finish(replay, replay.own())] == ["2", "3"]
    assert (replay.own(), len(replay)) == (None, 0)


def test_what_others_left_is_given_if_it_was_for_the_same_receiver(tmp_path: Path) -> None:
    """Or for any; other signals are somebody else's."""
    spool(tmp_path, "before")
    spool(tmp_path, "elsewhere", to=destination("http://elsewhere"))
    spool(tmp_path, "anywhere", to=ANYWHERE)
    spool(tmp_path, "log", signal="logs")
    os.mkfifo(tmp_path / "0.otlp")
    replay = Replay(tmp_path, "traces", HERE)
    for path in spool(tmp_path, "own"):
        replay.add(path)

    assert [finish(replay, replay.left()), finish(replay, replay.left())] == ["before", "anywhere"]
    assert replay.left() is None
    assert finish(replay, replay.own()) == "own"


def test_what_fails_because_of_the_receiver_stays_the_first(tmp_path: Path) -> None:
    """However often."""
    replay = Replay(tmp_path, "traces", HERE)
    for path in spool(tmp_path, "1", "2"):
        replay.add(path)
    for contact in [Contact.BUSY, Contact.REFUSED, Contact.SILENT] * 5:
        request = replay.own()
        assert body(request) == "1"
        assert request is not None
        replay.failed(request, contact, taking=False)

    assert len(replay) == 2


@pytest.mark.parametrize("contact", [Contact.ANSWERED, Contact.BROKEN])
def test_what_may_be_at_fault_itself_holds_nothing_up(tmp_path: Path, contact: Contact) -> None:
    """After three times others go first; when one of them went well it is tried once more, and then seldom."""
    replay = Replay(tmp_path, "traces", HERE, doubt_s=600.0)
    for path in spool(tmp_path, "bad", "good"):
        replay.add(path)
    for _ in range(3):
        request = replay.own()
        assert request is not None
        replay.failed(request, contact, taking=False)
    waiting = replay.doubtful()
    good = finish(replay, replay.own())
    replay.took()
    again = replay.own()

    assert (waiting, good, body(again)) == (None, "good", "bad")
    assert again is not None
    assert replay.is_own(again)
    replay.failed(again, contact, taking=True)
    replay.took()
    assert (replay.own(), replay.doubtful(), len(replay)) == (None, None, 0)
    assert replay.doubt_at < float("inf")


def suspect(replay: Replay, times: int = 3) -> None:
    """Fail the first request so often that others go first."""
    for _ in range(times):
        request = replay.own() or replay.doubtful()
        assert request is not None
        replay.failed(request, Contact.BROKEN, taking=False)


def test_what_failed_while_the_receiver_was_down_comes_in_order_when_it_is_back(tmp_path: Path) -> None:
    """However long that was: that nothing is taken says nothing about any one request."""
    replay = Replay(tmp_path, "traces", HERE, doubt_s=0.0)
    for path in spool(tmp_path, "1", "2", "3"):
        replay.add(path)
    suspect(replay, 3 * 10)
    others = len(replay)
    for path in spool(tmp_path, "4"):
        replay.add(path)
    first = finish(replay, replay.own())
    replay.took()

    assert (others, first, len(replay)) == (0, "4", 3)
    assert [finish(replay, replay.own()) for _ in range(3)] == ["1", "2", "3"]


def test_what_is_suspected_is_tried_now_and_then_although_nothing_else_is_there(tmp_path: Path) -> None:
    """Or a process that has nothing else to send would keep it for ever."""
    replay = Replay(tmp_path, "traces", HERE, doubt_s=0.0)
    for path in spool(tmp_path, "1"):
        replay.add(path)
    suspect(replay)

    assert (len(replay), finish(replay, replay.doubtful())) == (0, "1")


def test_one_in_doubt_that_goes_through_speaks_for_the_others(tmp_path: Path) -> None:
    """They are due at once, rather than one every half minute."""
    replay = Replay(tmp_path, "traces", HERE, doubt_s=600.0)
    for path in spool(tmp_path, "1", "2"):
        replay.add(path)
    suspect(replay, 6)
    replay.took()
    for _ in range(2):
        request = replay.own()
        assert request is not None
        replay.failed(request, Contact.BROKEN, taking=True)
    waiting = replay.doubtful()
    replay._doubt_at = 0.0

    assert waiting is None
    assert [finish(replay, replay.doubtful()), finish(replay, replay.doubtful())] == ["1", "2"]


# Python 3.12 warns about every fork of a process with threads; forking one is the point here.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_request_that_is_under_way_at_a_fork_is_not_kept_by_the_child(tmp_path: Path) -> None:
    """The child has the file open too, and the lock would outlive the parent's."""
    for _ in spool(tmp_path, "1"):
        pass
    request = next(iter(read_spool(tmp_path)))
    reading, writing = os.pipe()
    ready_reading, ready_writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(ready_writing, b"x")
        os.read(reading, 1)
        os._exit(0)
    os.read(ready_reading, 1)
    request.release()
    again = [found.body for found in read_spool(tmp_path)]
    os.write(writing, b"x")
    os.waitpid(pid, 0)
    for file in (reading, writing, ready_reading, ready_writing):
        os.close(file)

    assert again == [b"1"]


def test_a_child_that_drops_a_request_of_its_parent_leaves_it_to_the_parent(tmp_path: Path) -> None:
    """Only whoever has taken it can release it."""
    for _ in spool(tmp_path, "1"):
        pass
    request = next(iter(read_spool(tmp_path)))

    def child() -> int:
        request.release()
        return len(list(read_spool(tmp_path)))

    assert in_child(child) == 0
    request.release()
    assert [found.body for found in read_spool(tmp_path)] == [b"1"]
