"""The account of telemetry."""

from __future__ import annotations

import threading

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from otelkit import names
from otelkit.ledger.counts import Counts
from otelkit.ledger.ledger import SIGNALS, Ledger
from otelkit.model.signals import Account, Loss
from tests.forking import in_child

pytestmark = pytest.mark.sdk


def test_what_is_created_is_pending_until_something_becomes_of_it() -> None:
    """created = delivered + spooled + dropped + lost + pending, with every part told apart."""
    ledger: Ledger = Ledger()
    account: Account = ledger
    account.created("traces")
    account.created("traces", 99)
    account.delivered("traces", 40)
    account.spooled("traces", 20)
    account.dropped("traces", 5)
    account.lost("traces", 10, Loss.BUFFER_FULL)
    account.lost("traces", 5, "buffer_full")
    account.lost("traces", 0, Loss.EXIT_LIMIT)

    counts = ledger.counts("traces")
    assert counts == Counts(created=100, delivered=40, spooled=20, dropped=5, lost={"buffer_full": 15})
    assert counts.pending == 20
    assert ledger.snapshot()["logs"] == Counts()


def test_pending_is_never_negative_while_threads_count() -> None:
    """A snapshot taken at any moment adds up."""
    ledger = Ledger()
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            ledger.created("logs", 3)
            ledger.delivered("logs", 1)
            ledger.spooled("logs", 1)
            ledger.lost("logs", 1, Loss.SPOOL_FULL)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    pending = [ledger.counts("logs").pending for _ in range(300)]
    stop.set()
    for thread in threads:
        thread.join()

    assert min(pending) >= 0
    assert ledger.counts("logs").pending == 0


def test_nothing_is_reported_when_nothing_was_lost() -> None:
    """Spooled, dropped on purpose or delivered telemetry is no reason for a line."""
    ledger = Ledger()
    ledger.created("traces", 3)
    ledger.delivered("traces", 1)
    ledger.spooled("traces", 1)
    ledger.dropped("traces", 1)

    assert ledger.report(final=True) is None


def test_the_report_is_one_line_with_numbers_and_reasons() -> None:
    """Each signal has its unit; several reasons are told apart."""
    ledger = Ledger()
    ledger.created("traces", 312)
    ledger.lost("traces", 300, Loss.BUFFER_FULL)
    ledger.lost("traces", 12, Loss.EXIT_LIMIT)
    ledger.created("logs")
    ledger.lost("logs", 1, Loss.EXPORT_FAILED)

    assert ledger.report() == (
        "otelkit: lost 312 spans (300 buffer_full, 12 exit_limit) and 1 log record (export_failed); "
        "`otelkit doctor` explains"
    )


def test_at_the_end_what_is_still_on_its_way_is_reported() -> None:
    """While the program runs it is merely pending."""
    ledger = Ledger()
    ledger.created("metrics", 2)

    assert ledger.report() is None
    assert ledger.report(final=True) == "otelkit: lost 2 metric points (unfinished at exit); `otelkit doctor` explains"


def test_losses_are_a_counter_with_signal_and_reason() -> None:
    """The ledger's callback feeds an observable counter of the SDK."""
    ledger = Ledger()
    ledger.lost("traces", 7, Loss.BUFFER_FULL)
    ledger.lost("logs", 2, Loss.SPOOL_FULL)
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    provider.get_meter("test").create_observable_counter(names.METRIC_LOST, [ledger.observe_lost])

    data = reader.get_metrics_data()
    assert data is not None
    points = data.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points
    found = {(p.attributes[names.LOST_SIGNAL], p.attributes[names.LOST_REASON]): p.value for p in points}  # type: ignore[union-attr, index]
    assert found == {("traces", "buffer_full"): 7, ("logs", "spool_full"): 2}
    provider.shutdown()


def test_a_forked_child_starts_at_zero() -> None:
    """What the parent made is in the parent's account, and only there."""
    ledger = Ledger()
    ledger.created("traces", 5)

    def child() -> object:
        ledger.after_fork()
        before = ledger.counts("traces").created
        ledger.created("traces", 2)
        ledger.after_fork()
        return [before, ledger.counts("traces").created]

    assert in_child(child) == [0, 2]
    assert ledger.counts("traces").created == 5


def test_every_signal_has_an_account() -> None:
    """Traces, metrics and logs."""
    assert SIGNALS == ("traces", "metrics", "logs")
