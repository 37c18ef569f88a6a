from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from otelkit._otlp.encoded import Encoded
from otelkit.delivery.otlp_writer import CLOSE_LIMIT_S, OtlpWriter
from otelkit.ledger.ledger import Ledger


class Way:
    """Stands in for an `Outgoing`, and keeps what it is given."""

    def __init__(self) -> None:
        self.put_in: list[tuple[bytes, int, bytes, int]] = []
        self.closed_within_s: float | None = None

    def put(self, body: bytes, count: int, error_body: bytes = b"", error_count: int = 0) -> None:
        self.put_in.append((body, count, error_body, error_count))

    def exit_by(self, deadline: float, pending: Callable[[], int]) -> None:
        pass

    def close(self, timeout_s: float) -> None:
        self.closed_within_s = timeout_s


def encode(items: Sequence[int]) -> list[Encoded]:
    """Write at most two numbers a request, and no negative ones."""
    fits = [number for number in items if number >= 0]
    requests = [
        Encoded(",".join(map(str, fits[at : at + 2])).encode(), len(fits[at : at + 2]), 0)
        for at in range(0, len(fits), 2)
    ]
    return [*requests, Encoded(b"", 0, len(items) - len(fits))] if len(fits) < len(items) else requests


@pytest.fixture
def way() -> Way:
    return Way()


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def writer(way: Any, ledger: Ledger, how: Any = encode) -> OtlpWriter:
    return OtlpWriter("logs", way, ledger, how)


def test_what_failed_goes_apart(way: Way, ledger: Ledger) -> None:
    """Errors are put in requests of their own, beside the others of the same batch."""
    writer(way, ledger).write([1, 2, 3], [7])

    assert way.put_in == [(b"1,2", 2, b"7", 1), (b"3", 1, b"", 0)]


def test_errors_may_be_more_than_the_rest(way: Way, ledger: Ledger) -> None:
    """Also if there is nothing else."""
    writer(way, ledger).write([], [7, 8, 9])

    assert way.put_in == [(b"", 0, b"7,8", 2), (b"", 0, b"9", 1)]


def test_what_cannot_be_written_is_counted(way: Way, ledger: Ledger) -> None:
    """The account balances at any instant: lost, with the reason."""
    ledger.created("logs", 4)
    writer(way, ledger).write([1, -1, 2], [-7])

    assert ledger.counts("logs").lost == {"encode_failed": 2}
    assert sum(count + errors for _, count, _, errors in way.put_in) == 2


def test_an_encoder_that_fails_costs_its_batch_only(way: Way, ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    """A bug of ours is told and counted, and the errors of the same batch still leave."""

    def broken(items: Sequence[int]) -> list[Encoded]:
        if 13 in items:
            raise ValueError("a bug")
        return encode(items)

    ledger.created("logs", 3)
    writer(way, ledger, broken).write([12, 13], [7])

    assert way.put_in == [(b"", 0, b"7", 1)]
    assert ledger.counts("logs").lost == {"encode_failed": 2}
    assert "2 logs are lost, since writing them failed: ValueError('a bug')" in caplog.text


def test_a_whole_may_be_several_requests(way: Way, ledger: Ledger) -> None:
    """Each is put with the number of its own items."""
    writer(way, ledger).write_whole([1, 2, 3], 3)

    assert way.put_in == [(b"1,2", 2, b"", 0), (b"3", 1, b"", 0)]


def test_closing_takes_no_longer_than_the_deadline_allows(way: Way, ledger: Ledger) -> None:
    """Without a deadline it is half a second; with one that is over, just enough to write to the disk."""
    it = writer(way, ledger)
    it.close()

    assert way.closed_within_s == CLOSE_LIMIT_S
    it.exit_by(0.0)
    it.close()

    assert way.closed_within_s == 0.05
