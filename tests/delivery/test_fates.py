"""What becomes of requests, counted."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from otelkit.delivery.fates import Fates
from otelkit.delivery.notice import Notice
from otelkit.delivery.segment import OVERHEAD, destination, peek
from otelkit.delivery.spool import Spool, read_spool
from otelkit.delivery.spool_reader import take
from otelkit.delivery.transport import Never, Taken
from otelkit.ledger.ledger import Ledger
from otelkit.model.signals import Loss

pytestmark = pytest.mark.sdk

ENDPOINT = "http://collector.example:4318/v1/traces"


def fates(folder: Path | None = None, stream: io.StringIO | None = None) -> tuple[Fates, Ledger]:
    ledger = Ledger()
    ledger.created("traces", 10)
    spool = None if folder is None else Spool(folder, 10**6, ledger)
    return Fates("traces", "otlp", ledger, spool, Notice(folder, stream=stream or io.StringIO()), ENDPOINT), ledger


@pytest.mark.parametrize(
    ("answer", "delivered", "lost"),
    [
        (Taken(), 10, {}),
        (Taken(3, "too old"), 7, {"rejected": 3}),
        (Taken(99), 0, {"rejected": 10}),
        (Never("HTTP 400"), 0, {"rejected": 10}),
    ],
)
def test_an_answer_decides_about_each_item_once(answer: Taken | Never, delivered: int, lost: dict[str, int]) -> None:
    """Delivered and rejected are as many as were sent, whatever the receiver says."""
    some, ledger = fates()
    some.answered(answer, 10)
    counts = ledger.counts("traces")

    assert (counts.delivered, counts.lost, counts.pending) == (delivered, lost, 0)
    assert some.undelivered == bool(lost)


def test_what_is_kept_is_on_disk_for_the_same_receiver(tmp_path: Path) -> None:
    """And counted as spooled, until it is taken back to be sent."""
    some, ledger = fates(tmp_path)
    path = some.keep(b"body", 10, Loss.EXPORT_FAILED, forced=True)
    spooled = ledger.counts("traces").spooled
    some.taken_back(10)
    some.answered(Taken(), 10)
    counts = ledger.counts("traces")

    assert path is not None
    request = take(path)
    assert request is not None
    assert (request.body, request.count) == (b"body", 10)
    request.release()
    assert peek(path.read_bytes()[:OVERHEAD]) == ("traces", destination(ENDPOINT))
    assert (spooled, counts.spooled, counts.delivered, some.undelivered) == (10, 0, 10, 1)


def test_without_a_spool_what_is_kept_is_lost_for_the_reason_that_is_given() -> None:
    """Nothing is written, and the caller is told that there is no file."""
    some, ledger = fates()
    path = some.keep(b"body", 10, Loss.AFTER_SHUTDOWN, forced=False)

    assert (path, ledger.counts("traces").lost, some.undelivered) == (None, {"after_shutdown": 10}, 1)


def test_what_memory_has_no_room_for_is_lost_as_that(tmp_path: Path) -> None:
    """It does not go to the disk: that would be as slow as the way out."""
    some, ledger = fates(tmp_path)
    some.crowded_out(4)

    assert (ledger.counts("traces").lost, list(read_spool(tmp_path))) == ({"buffer_full": 4}, [])


def test_the_user_is_told_where_it_should_have_gone() -> None:
    """The endpoint, without its path; nobody is told twice."""
    stream = io.StringIO()
    some, _ = fates(None, stream)
    some.tell("HTTP 503", spooled=False)
    some.tell("HTTP 503", spooled=False)

    assert stream.getvalue() == (
        "otelkit: http://collector.example:4318 does not take telemetry (HTTP 503); telemetry is lost until that changes\n"
    )
