"""One exporter's way out."""

from __future__ import annotations

import io
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from otelkit._otlp.encoded import Encoded
from otelkit.delivery import circuit
from otelkit.delivery.delivery import Delivery
from otelkit.delivery.leaving import Leaving
from otelkit.delivery.notice import Notice
from otelkit.delivery.spool import Spool, read_spool
from otelkit.ledger.ledger import Ledger
from tests.delivery.network import refused
from tests.forking import in_child
from tests.waiting import wait_until

pytestmark = pytest.mark.sdk


class Exporter:
    """Takes batches of numbers, or does what it is told instead."""

    def __init__(self, answer: Callable[[Sequence[int]], Any] = lambda batch: True) -> None:
        self.batches: list[list[int]] = []
        self.closed = 0
        self.answer = answer

    def export(self, batch: Sequence[int]) -> Any:
        self.batches.append(list(batch))
        return self.answer(batch)

    def force_flush(self) -> bool:
        return True

    def shutdown(self) -> None:
        self.closed += 1


def encode(batch: Sequence[int]) -> list[Encoded]:
    if 99 in batch:
        raise ValueError("a bug")
    fits = [number for number in batch if number != 13]
    return [Encoded(",".join(map(str, fits)).encode(), len(fits), len(batch) - len(fits))]


class Way:
    """A delivery with everything around it."""

    def __init__(self, folder: Path, exporter: Exporter, *, spooling: bool = True, **options: Any) -> None:
        self.ledger = Ledger()
        self.folder = folder
        self.exporter = exporter
        self.built = 0
        self.stderr = io.StringIO()
        settings: dict[str, Any] = {
            "account": self.ledger,
            "spool": Spool(folder, 10_000, self.ledger) if spooling else None,
            "encode": encode,
            "notice": Notice(folder, stream=self.stderr),
        } | options
        self.delivery: Delivery[list[int]] = Delivery(
            "traces", "numbers", self._build, lambda inner, batch: inner.export(batch) is True, **settings
        )

    def _build(self) -> Exporter:
        self.built += 1
        return self.exporter

    def send(self, *numbers: int) -> bool:
        self.ledger.created("traces", len(numbers))
        return self.delivery.deliver(list(numbers), len(numbers))

    @property
    def spooled(self) -> list[tuple[bytes, int]]:
        return [(request.body, request.count) for request in read_spool(self.folder)]

    @property
    def account(self) -> tuple[int, int, dict[str, int], int]:
        """Delivered, spooled, lost, pending."""
        counts = self.ledger.counts("traces")
        return counts.delivered, counts.spooled, dict(counts.lost), counts.pending


@contextmanager
def way(folder: Path, exporter: Exporter, **options: Any) -> Iterator[Way]:
    made = Way(folder, exporter, **options)
    try:
        yield made
    finally:
        made.delivery.close(1)


@pytest.fixture(autouse=True)
def _try_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circuit, "TRY_AGAIN_S", 0.0)
    monkeypatch.setattr(circuit, "LOOK_AGAIN_S", 0.0)


def test_what_is_taken_is_delivered(tmp_path: Path) -> None:
    """Counted once; nothing is said, nothing is written; the exporter is built when first needed."""
    with way(tmp_path, Exporter()) as it:
        assert it.built == 0
        assert it.send(1, 2, 3)

        assert it.account == (3, 0, {}, 0)
        assert (it.built, it.exporter.batches, it.spooled, it.stderr.getvalue()) == (1, [[1, 2, 3]], [], "")


def broken(batch: Sequence[int]) -> Any:
    raise ConnectionError("gone")


def leaving(batch: Sequence[int]) -> Any:
    raise SystemExit(3)


@pytest.mark.parametrize("answer", [lambda batch: False, lambda batch: None, broken, leaving])
def test_what_is_not_taken_is_spooled(tmp_path: Path, answer: Callable[[Sequence[int]], Any]) -> None:
    """Whether the exporter says no, says nothing, raises or tries to end the program."""
    with way(tmp_path, Exporter(answer)) as it:
        assert it.send(1, 2)

        assert it.account == (0, 2, {}, 0)
        assert it.spooled == [(b"1,2", 2)]
        assert it.stderr.getvalue().count("\n") == 1


def test_an_exporter_that_cannot_be_built_is_one_that_fails(tmp_path: Path) -> None:
    """And is tried again later: what was missing may be there by then."""
    fails = [True, False]

    class Late(Way):
        def _build(self) -> Exporter:
            if fails.pop(0):
                raise RuntimeError("no certificate")
            return super()._build()

    it = Late(tmp_path, Exporter())
    assert it.send(1)
    assert it.send(2)
    assert it.account == (1, 1, {}, 0)
    assert "RuntimeError: no certificate" in it.stderr.getvalue()
    it.delivery.close(1)


def test_without_a_spool_it_is_lost_and_counted(tmp_path: Path) -> None:
    """And the user is told that it is."""
    with way(tmp_path, Exporter(broken), spooling=False) as it:
        assert not it.send(1, 2)

        assert it.account == (0, 0, {"export_failed": 2}, 0)
        assert "does not take telemetry (ConnectionError: gone); telemetry is lost" in it.stderr.getvalue()


def test_what_is_not_otlp_is_not_spooled(tmp_path: Path) -> None:
    """A console exporter's spans have no place in a spool that a receiver takes in."""
    with way(tmp_path, Exporter(broken), encode=None) as it:
        assert not it.send(1)

        assert it.account == (0, 0, {"export_failed": 1}, 0)
        assert it.spooled == []


def test_one_item_that_cannot_be_encoded_costs_only_itself(tmp_path: Path) -> None:
    """The others of its batch are spooled; a batch with nothing else leaves no empty file."""
    with way(tmp_path, Exporter(broken)) as it:
        assert it.send(12, 13, 14)
        assert not it.send(13)

        assert it.account == (0, 2, {"encode_failed": 2}, 0)
        assert it.spooled == [(b"12,14", 2)]


def test_an_encoder_that_fails_costs_the_batch_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What is ours to mend is told, and the program goes on."""
    with way(tmp_path, Exporter(broken)) as it:
        assert not it.send(99, 100)

        assert it.account == (0, 0, {"encode_failed": 2}, 0)
        assert it.spooled == []
        assert "2 traces are lost, since writing them failed: ValueError('a bug')" in caplog.text


def test_nothing_to_send_asks_nobody(tmp_path: Path) -> None:
    """An empty batch is delivered."""
    with way(tmp_path, Exporter(broken)) as it:
        assert it.send()
        assert it.built == 0


def test_a_port_nobody_listens_on_costs_no_export(tmp_path: Path) -> None:
    """The exporter with its retries is not even built; the line says what to do."""
    with way(tmp_path, Exporter(), endpoint=refused()) as it:
        assert it.send(1)
        assert it.send(2)

        assert (it.built, it.account) == (0, (0, 2, {}, 0))
        assert "nothing listens on http://127.0.0.1:" in it.stderr.getvalue()
        assert it.stderr.getvalue().count("\n") == 1


def test_while_an_export_failed_just_now_none_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes meanwhile is spooled at once; afterwards exports are tried again."""
    exporter = Exporter(broken)
    with way(tmp_path, exporter) as it:
        monkeypatch.setattr(circuit, "TRY_AGAIN_S", 3600.0)
        it.send(1)
        it.send(2)
        assert exporter.batches == [[1]]
        it.delivery._circuit._open_until = 0.0
        exporter.answer = lambda batch: True
        it.send(3)

        assert it.account == (1, 2, {}, 0)


def test_an_export_that_never_returns_holds_up_nothing(tmp_path: Path) -> None:
    """Its batch is spooled, what follows is spooled at once; when it returns, exports go on."""
    release = threading.Event()
    exporter = Exporter(lambda batch: release.wait(30))
    with way(tmp_path, exporter, export_limit_s=0.05) as it:
        assert it.send(1)
        assert it.send(2)
        assert exporter.batches == [[1]]
        assert it.account == (0, 2, {}, 0)
        assert "did not answer in time" in it.stderr.getvalue()
        release.set()
        wait_until(lambda: not it.delivery._sender.busy)
        it.send(3)

        assert it.account == (1, 2, {}, 0)


def test_the_end_of_the_program_interrupts_the_wait_for_an_answer(tmp_path: Path) -> None:
    """What is in flight is spooled, and so is everything after it."""

    started, release = threading.Event(), threading.Event()

    def hang(batch: Sequence[int]) -> bool:
        started.set()
        return release.wait(60)

    with way(tmp_path, Exporter(hang)) as it:
        answers: list[bool] = []
        sending = threading.Thread(target=lambda: answers.append(it.send(1, 2)))
        sending.start()
        assert started.wait(20)
        it.delivery.exit_by(time.monotonic() + 0.1)
        sending.join(20)
        it.send(3)

        assert answers == [True]
        assert it.account == (0, 3, {}, 0)
        assert it.exporter.batches == [[1, 2]]
        release.set()


def test_the_more_there_is_to_spool_the_earlier_the_network_is_left() -> None:
    """At least a quarter of the time or half a second is kept for the disk, at most three quarters."""
    pending = [0]
    leaving = Leaving(deadline=100.0, had_s=2.0, pending=lambda: pending[0])
    kept = []
    for pending[0] in (0, 5_000, 10_000, 12_500, 1_000_000):
        kept.append(round(100.0 - leaving.network_until(None), 3))

    assert kept == [0.5, 0.5, 0.8, 1.0, 1.5]
    assert Leaving(100.0, 0.4, lambda: 0).network_until(None) == 99.9
    assert Leaving(100.0, 0.0, lambda: 10_000).network_until(None) == 100.0


def test_a_network_that_works_is_left_later() -> None:
    """What it delivers need not be written; the faster it is, the less has to be kept for the rest."""
    leaving = Leaving(deadline=100.0, had_s=2.0, pending=lambda: 20_000)
    kept = [round(100.0 - leaving.network_until(sending_s), 3) for sending_s in (None, 1.0, 40e-6, 1e-6)]

    assert kept == [1.5, 1.5, 0.6, 0.25]


def test_closing_spools_what_is_being_sent_before_it_returns(tmp_path: Path) -> None:
    """Also if nobody has said by when the program ends."""
    started, release = threading.Event(), threading.Event()

    def hang(batch: Sequence[int]) -> bool:
        started.set()
        return release.wait(60)

    it = Way(tmp_path, Exporter(hang))
    sending = threading.Thread(target=lambda: it.send(1, 2))
    sending.start()
    assert started.wait(20)
    it.delivery.close(20)

    assert it.account == (0, 2, {}, 0)
    release.set()
    sending.join(20)


def test_where_no_thread_can_be_started_it_is_spooled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter shuts down and starts none; sending in the caller's thread could take forever."""

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with way(tmp_path, Exporter()) as it:
        assert it.send(1)
        assert it.account == (0, 1, {}, 0)


def test_closing_closes_the_exporter_once_and_spools_what_comes_later(tmp_path: Path) -> None:
    """Nothing is sent over a closed connection."""
    it = Way(tmp_path, Exporter())
    it.send(1)
    it.delivery.close(5)
    it.delivery.close(5)
    it.send(2)

    assert it.exporter.closed == 1
    assert it.account == (1, 1, {}, 0)


def test_closing_reaches_an_exporter_that_is_still_trying(tmp_path: Path) -> None:
    """Stock exporters wait between their tries until they are told to stop."""
    stopped = threading.Event()

    class Trying(Exporter):
        def export(self, batch: Sequence[int]) -> Any:
            return not stopped.wait(60)

        def shutdown(self) -> None:
            stopped.set()

    it = Way(tmp_path, Trying(), export_limit_s=0.05)
    it.send(1)
    it.delivery.close(20)
    wait_until(lambda: not it.delivery._sender.busy)

    assert it.account == (0, 1, {}, 0)


def test_closing_is_bounded(tmp_path: Path) -> None:
    """An exporter that hangs in shutdown is left alone."""
    release = threading.Event()

    class Hanging(Exporter):
        def shutdown(self) -> None:
            release.wait(30)

    it = Way(tmp_path, Hanging())
    it.send(1)
    it.delivery.close(0.05)
    assert it.delivery._sender.busy
    release.set()


def test_flush_says_whether_the_last_batch_was_delivered(tmp_path: Path) -> None:
    """Spooled is not delivered."""
    exporter = Exporter()
    with way(tmp_path, exporter) as it:
        fresh = it.delivery.flush(5)
        it.send(1)
        good = it.delivery.flush(5)
        exporter.answer = broken
        it.send(2)
        bad = it.delivery.flush(5)
        exporter.answer = lambda batch: True
        it.send(3)

        assert (fresh, good, bad, it.delivery.flush(5)) == (True, True, False, True)


def test_flush_asks_the_exporter_and_survives_it(tmp_path: Path) -> None:
    """An exporter may buffer itself, and may fail or hang."""
    release = threading.Event()
    exporter = Exporter()
    with way(tmp_path, exporter) as it:
        it.send(1)
        exporter.force_flush = lambda: 1 / 0  # type: ignore[method-assign, assignment, return-value]
        raising = it.delivery.flush(5)
        exporter.force_flush = lambda: release.wait(30)  # type: ignore[method-assign]
        hanging = it.delivery.flush(0.05)
        release.set()

        assert (raising, hanging) == (False, False)


def test_a_second_exporter_of_the_signal_neither_counts_nor_spools(tmp_path: Path) -> None:
    """Each item is counted once, by the principal one."""
    with way(tmp_path, Exporter(), principal=False) as good, way(tmp_path, Exporter(broken), principal=False) as bad:
        assert good.send(1)
        assert not bad.send(1)

        assert good.account == (0, 0, {}, 1)
        assert bad.account == (0, 0, {}, 1)
        assert bad.spooled == []
        assert bad.stderr.getvalue() == ""


def test_a_child_builds_an_exporter_of_its_own(tmp_path: Path) -> None:
    """It shares no connection with its parent, and works although the parent's is in the middle of an export."""
    started, release = threading.Event(), threading.Event()

    def hang(batch: Sequence[int]) -> bool:
        started.set()
        return release.wait(60)

    with way(tmp_path, Exporter(hang)) as it:
        sending = threading.Thread(target=lambda: it.send(1))
        sending.start()
        assert started.wait(20)

        def child() -> object:
            parents = it.exporter
            it.exporter = Exporter()
            it.send(5)
            it.delivery.close(5)
            return [it.built, it.exporter.batches, it.exporter.closed, parents.closed, list(it.account)]

        assert in_child(child) == [2, [[5]], 1, 0, [1, 0, {}, 0]]
        release.set()
        sending.join(20)
        assert it.account == (1, 0, {}, 0)


def test_what_an_exporter_says_is_told_without_its_secrets(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither on stderr nor in the log: a query of the endpoint may hold its key."""

    def fail(batch: Sequence[int]) -> Any:
        raise OSError("Max retries exceeded with url: /v1/traces?api-key=SECRET123 (Caused by X)")

    stream = io.StringIO()
    with (
        caplog.at_level(logging.DEBUG, "otelkit.delivery"),
        way(tmp_path, Exporter(fail), notice=Notice(None, stream=stream)) as there,
    ):
        there.send(1)

    assert "OSError: Max retries exceeded (Caused by X)" in stream.getvalue()
    assert "SECRET123" not in stream.getvalue() + caplog.text
