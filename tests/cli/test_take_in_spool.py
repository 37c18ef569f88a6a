"""Taking in what programs kept on disk."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from otelkit._cli.take_in_spool import take_in_spool
from otelkit.delivery.spool import Spool, spool_state
from otelkit.embedded.client import BusyReceiverError
from otelkit.embedded.in_flight import Busy
from otelkit.errors import ReceiverError, StoreError, WireError
from otelkit.health.loss_notes import read_losses
from otelkit.ledger.ledger import Ledger


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    spool = Spool(tmp_path / "spool", 1 << 20, Ledger())
    for number in range(20):
        spool.write("traces", b"%02d" % number, 3)
    return tmp_path / "spool"


def ended(error: BaseException | None = None) -> Future[Any]:
    future: Future[Any] = Future()
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
    return future


def test_everything_is_taken_in_once_and_in_order(folder: Path) -> None:
    """The oldest first; nothing is left, and the count is that of spans, points and records."""
    taken: list[bytes] = []

    def submit(signal: str, body: bytes) -> Future[Any]:
        taken.append(body)
        return ended()

    assert take_in_spool(folder, submit, threading.Event()) == 60
    assert taken == [b"%02d" % number for number in range(20)]
    assert spool_state(folder).requests == 0
    assert take_in_spool(folder, submit, threading.Event()) == 0


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    """Most users never have one."""
    assert take_in_spool(tmp_path / "none", lambda *_: ended(), threading.Event()) == 0


@pytest.mark.parametrize("error", [WireError("no OTLP"), ValueError("refused")])
def test_what_is_refused_for_good_is_dropped_loudly(
    folder: Path, error: ValueError, caplog: pytest.LogCaptureFixture
) -> None:
    """Whether the receiver is ours or another process; the rest is taken in, and the doctor can tell of it later."""

    def submit(signal: str, body: bytes) -> Future[Any]:
        if body == b"05":
            raise error
        return ended(error if body == b"07" else None)

    assert take_in_spool(folder, submit, threading.Event()) == 54
    assert spool_state(folder).requests == 0
    assert caplog.text.count("3 spooled traces are lost") == 2
    (noted,) = read_losses(folder.parent)
    assert (noted.run_id, noted.signal, noted.reason, noted.count) == ("", "traces", "rejected", 6)


@pytest.mark.parametrize("error", [StoreError("no space", path=Path("x")), ReceiverError("stopping")])
@pytest.mark.parametrize("at_once", [True, False])
def test_what_cannot_be_stored_now_stays(folder: Path, error: Exception, at_once: bool) -> None:
    """Nothing is deleted that was not stored, and the next start can read it."""
    stored: list[bytes] = []

    def submit(signal: str, body: bytes) -> Future[Any]:
        if body >= b"05":
            if at_once:
                raise error
            return ended(error)
        stored.append(body)
        return ended()

    take_in_spool(folder, submit, threading.Event())
    left = spool_state(folder).requests
    again: list[bytes] = []

    def submit_again(signal: str, body: bytes) -> Future[Any]:
        again.append(body)
        return ended()

    take_in_spool(folder, submit_again, threading.Event())
    assert left >= 15
    assert set(stored) | set(again) == {b"%02d" % number for number in range(20)}
    assert len(again) == left


@pytest.mark.parametrize("busy", [lambda: Busy(0), lambda: BusyReceiverError("later", 0)])
def test_a_busy_receiver_is_asked_again(folder: Path, busy: Callable[[], Exception]) -> None:
    """When it said."""
    refusals = [busy() for _ in range(5)]

    def submit(signal: str, body: bytes) -> Future[Any]:
        if refusals and body == b"03":
            raise refusals.pop()
        return ended()

    assert take_in_spool(folder, submit, threading.Event()) == 60


def test_stopping_leaves_the_rest(folder: Path) -> None:
    """Also while it waits for a busy receiver."""
    stop = threading.Event()

    def submit(signal: str, body: bytes) -> Future[Any]:
        if body == b"03":
            stop.set()
            raise Busy(30)
        return ended()

    take_in_spool(folder, submit, stop)

    assert spool_state(folder).requests >= 17


@pytest.mark.parametrize("at_once", [True, False])
def test_a_bug_costs_no_request_and_holds_up_no_other(
    folder: Path, at_once: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The one that met it stays for the next start, and is told once, however often it is tried."""

    def submit(signal: str, body: bytes) -> Future[Any]:
        if body != b"05":
            return ended()
        if at_once:
            raise RuntimeError("a bug")
        return ended(RuntimeError("a bug"))

    taken = [take_in_spool(folder, submit, threading.Event()) for _ in range(3)]

    assert taken == [57, 0, 0]
    assert spool_state(folder).requests == 1
    assert caplog.text.count("RuntimeError: a bug") == 1
    assert take_in_spool(folder, lambda *_: ended(), threading.Event()) == 3
