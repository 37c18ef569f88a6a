"""The queue before the store, and its one writer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from otelkit.embedded import intake as intake_module
from otelkit.embedded.in_flight import Busy, InFlight
from otelkit.embedded.intake import Accepted, Intake
from otelkit.embedded.tally import Tally
from otelkit.errors import ReceiverError, StoreError, WireError
from tests.embedded.fake_store import FakeStore, fake_decode
from tests.waiting import wait_until


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def tally() -> Tally:
    return Tally()


@pytest.fixture
def intake(store: FakeStore, tally: Tally) -> Iterator[Intake]:
    made = Intake(lambda: store, fake_decode, InFlight(1000), tally)
    yield made
    store.gate.set()
    made.close(20)


def held_up(store: FakeStore, intake: Intake) -> Future[Accepted]:
    """Return a request whose transaction waits at the store's gate."""
    store.gate.clear()
    store.writing.clear()
    first = intake.submit("traces", b"first")
    assert store.writing.wait(20)
    return first


def test_a_request_is_acknowledged_only_after_its_commit(store: FakeStore, intake: Intake) -> None:
    """While the transaction is open the sender is told nothing."""
    request = held_up(store, intake)

    assert not request.done()
    store.gate.set()
    assert request.result(20) == Accepted(1)
    assert store.stored == [b"first"]


def test_requests_that_wait_share_the_next_transaction(store: FakeStore, intake: Intake) -> None:
    """Ten requests that came during one commit are committed together, in order."""
    first = held_up(store, intake)
    others = [intake.submit("traces", b"%d" % number) for number in range(10)]
    store.gate.set()
    for request in (first, *others):
        request.result(20)

    assert store.transactions == [[b"first"], [b"%d" % number for number in range(10)]]


def test_a_transaction_is_bounded_in_bytes(store: FakeStore, intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decoded rows of one transaction must fit into memory."""
    monkeypatch.setattr(intake_module, "GROUP_BYTES", 10)
    first = held_up(store, intake)
    others = [intake.submit("traces", b"4444") for _ in range(3)]
    store.gate.set()
    for request in (first, *others):
        request.result(20)

    assert [len(transaction) for transaction in store.transactions] == [1, 2, 1]


def test_a_malformed_request_fails_alone(store: FakeStore, intake: Intake) -> None:
    """Its neighbours in the same transaction are stored."""
    first = held_up(store, intake)
    good, bad, ours = (intake.submit("traces", body) for body in (b"good", b"bad", b"bug"))
    store.gate.set()

    assert first.result(20) == good.result(20) == Accepted(1)
    assert isinstance(bad.exception(20), WireError)
    assert isinstance(ours.exception(20), ZeroDivisionError)
    assert store.stored == [b"first", b"good"]


def test_a_batch_that_the_store_chokes_on_fails_alone(store: FakeStore, intake: Intake) -> None:
    """The others of its transaction are tried again one by one."""
    first = held_up(store, intake)
    requests = [intake.submit("traces", body) for body in (b"a", b"poison", b"b")]
    store.gate.set()
    first.result(20)

    assert isinstance(requests[1].exception(20), RuntimeError)
    assert [requests[0].result(20), requests[2].result(20)] == [Accepted(1), Accepted(1)]
    assert sorted(store.stored) == [b"a", b"b", b"first"]


def test_invalid_items_are_reported_beside_the_stored_ones(intake: Intake, tally: Tally) -> None:
    """Partial success names how many were left out and why, and is counted."""
    accepted = intake.submit("logs", b"some").result(20)

    assert accepted == Accepted(2, 1, "trace id of 3 bytes")
    assert tally.snapshot() == {"requests": 1, "taken": {"logs": 2}, "rejected": {"logs": 1}, "refused": {}}


def test_a_full_queue_refuses_and_takes_again_when_there_is_room(store: FakeStore, intake: Intake) -> None:
    """The bound counts what waits and what is being stored; after the commit it is free again."""
    request = held_up(store, intake)
    waiting = intake.submit("traces", b"x" * 990)

    with pytest.raises(Busy) as refused:
        intake.submit("traces", b"y" * 20)
    assert refused.value.retry_after_s >= 1
    store.gate.set()
    request.result(20)
    waiting.result(20)
    assert intake.submit("traces", b"y" * 20).result(20) == Accepted(1)
    assert intake.in_flight.held_bytes == 0


@pytest.mark.parametrize("body", [b"bad", b"bug", b"poison"])
def test_a_failed_request_gives_its_bytes_back(intake: Intake, body: bytes) -> None:
    """Otherwise bad senders would fill the queue for good."""
    intake.submit("traces", body).exception(20)

    assert intake.in_flight.held_bytes == 0


def test_a_store_that_fails_fails_the_request_and_recovers(store: FakeStore, intake: Intake, tally: Tally) -> None:
    """A full disk is told to the sender; when there is room again, telemetry is taken again."""
    store.error = StoreError("no space", path=Path("telemetry.db"))
    failed = intake.submit("traces", b"a").exception(20)
    store.error = None

    assert isinstance(failed, StoreError)
    assert intake.submit("traces", b"a").result(20) == Accepted(1)
    assert (store.stored, tally.snapshot()["taken"]) == ([b"a"], {"traces": 1})


def test_a_request_whose_sender_gave_up_before_its_turn_is_dropped(store: FakeStore, intake: Intake) -> None:
    """A cancelled request harms neither the writer nor the bound."""
    first = held_up(store, intake)
    waiting = intake.submit("traces", b"cancelled")

    assert waiting.cancel()
    assert not first.cancel(), "it is being stored already"
    store.gate.set()
    assert intake.submit("traces", b"next").result(20) == Accepted(1)
    assert store.stored == [b"first", b"next"]
    assert intake.in_flight.held_bytes == 0


def test_closing_stores_what_was_accepted(store: FakeStore, intake: Intake) -> None:
    """Nothing that waits is dropped, the store is closed last, and nothing new is taken."""
    first = held_up(store, intake)
    others = [intake.submit("traces", b"%d" % number) for number in range(5)]
    closer = threading.Thread(target=intake.close, args=(20,))
    closer.start()
    store.gate.set()
    closer.join(20)

    assert [request.result(0) for request in (first, *others)] == [Accepted(1)] * 6
    assert store.closed
    with pytest.raises(ReceiverError):
        intake.submit("traces", b"late")
    assert intake.in_flight.held_bytes == 0


def test_closing_in_no_time_fails_what_could_not_be_stored(store: FakeStore, intake: Intake) -> None:
    """What is given up was never acknowledged, and its sender is told."""
    held_up(store, intake)
    waiting = intake.submit("traces", b"waiting")

    assert not intake.close(0.05)
    assert isinstance(waiting.exception(0), ReceiverError)
    store.gate.set()
    wait_until(lambda: store.closed)
    assert store.stored == [b"first"]


def test_jobs_run_between_transactions_in_order(store: FakeStore, intake: Intake) -> None:
    """Facts of a run are stored after the telemetry that came before them, on the same thread."""
    first = held_up(store, intake)
    before = intake.submit("traces", b"before")
    seen: list[Any] = []
    job = intake.call(lambda opened: seen.append((list(store.stored), threading.current_thread().name)))
    intake.submit("traces", b"after")
    store.gate.set()
    job.result(20)

    assert seen == [([b"first", b"before"], "otelkit-store")]
    assert first.result(0) == before.result(0)


def test_a_job_that_raises_tells_only_its_caller(intake: Intake) -> None:
    """The writer goes on."""
    assert isinstance(intake.call(lambda _: 1 / 0).exception(20), ZeroDivisionError)
    assert intake.submit("traces", b"a").result(20) == Accepted(1)


def test_a_store_that_cannot_be_opened_is_told_to_whoever_starts() -> None:
    """The error arrives where the intake is made, not in a thread that nobody sees."""

    def broken() -> FakeStore:
        raise StoreError("damaged", path=Path("telemetry.db"))

    with pytest.raises(StoreError, match="damaged"):
        Intake(broken, fake_decode, InFlight(10), Tally())


def test_retention_runs_while_nothing_arrives(store: FakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Old traces are deleted also when no new ones come."""
    monkeypatch.setattr(intake_module, "MAINTAIN_EVERY_S", 0.01)
    made = Intake(lambda: store, fake_decode, InFlight(10), Tally())
    wait_until(lambda: store.maintained > 1)

    assert made.close(20)


def test_requests_are_stored_between_the_slices_of_the_retention(
    store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much there is to delete, no sender waits for all of it."""
    monkeypatch.setattr(intake_module, "MAINTAIN_EVERY_S", 0.01)
    store.slices = 1000
    made = Intake(lambda: store, fake_decode, InFlight(1000), Tally())
    stored_after: list[int] = []

    def send_in_the_middle() -> None:
        stored_after.append(len(store.stored))
        if store.maintained == 3:
            made.submit("traces", b"x")

    store.on_maintain = send_in_the_middle
    wait_until(lambda: store.maintained > 5)
    assert made.close(20)

    assert stored_after[:5] == [0, 0, 0, 1, 1]
