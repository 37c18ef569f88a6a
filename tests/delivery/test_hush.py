"""The exporters' own complaints."""

from __future__ import annotations

import logging
import threading

import pytest

from otelkit.delivery.hush import hushed, in_short

pytestmark = pytest.mark.sdk

EXPORTER = logging.getLogger("opentelemetry.exporter.otlp.proto.http.trace_exporter")


def test_complaints_are_kept_from_the_terminal_and_told_to_us(caplog: pytest.LogCaptureFixture) -> None:
    """Warnings and errors are remembered, chatter of the HTTP library is not."""
    complaints: list[str] = []
    with caplog.at_level(logging.DEBUG), hushed(complaints):
        EXPORTER.error("Failed to export %s batch code: %s", "span", 401)
        EXPORTER.debug("detail")
        logging.getLogger("urllib3.connectionpool").warning("Retrying")

    assert complaints == ["Failed to export span batch code: 401"]
    assert caplog.records == []


def test_afterwards_and_in_other_threads_they_are_heard(caplog: pytest.LogCaptureFixture) -> None:
    """A program that uses a stock exporter itself still sees its errors."""
    with caplog.at_level(logging.DEBUG):
        with hushed([]):
            thread = threading.Thread(target=EXPORTER.error, args=("from another thread",))
            thread.start()
            thread.join()
        EXPORTER.error("afterwards")

    assert [record.getMessage() for record in caplog.records] == ["from another thread", "afterwards"]


def test_the_programs_own_logging_is_never_touched(caplog: pytest.LogCaptureFixture) -> None:
    """Only the exporters' loggers are hushed."""
    with caplog.at_level(logging.WARNING), hushed([]):
        logging.getLogger("app").warning("mine")

    assert [record.getMessage() for record in caplog.records] == ["mine"]


def test_a_complaint_that_does_not_format_is_no_trouble() -> None:
    """Its text is taken as it is."""
    complaints: list[str] = []
    with hushed(complaints):
        EXPORTER.error("%d items", "many")

    assert complaints == ["%d items"]


@pytest.mark.parametrize(
    ("complaints", "short"),
    [
        ([], None),
        (["something new"], "something new"),
        (["Failed to export spans batch code: 401, reason: Unauthorized"], "401 Unauthorized"),
        (["Failed to export span batch code: None, reason: bad URL, really"], "bad URL, really"),
        (
            [
                "Transient error Service Unavailable encountered while exporting spans batch, retrying in 1.63s.",
                "Failed to export spans batch due to timeout, max retries or shutdown.",
            ],
            "Service Unavailable",
        ),
    ],
)
def test_a_reason_is_told_in_few_words(complaints: list[str], short: str | None) -> None:
    """The last one that says something; what is not known is taken as it is."""
    assert in_short(complaints) == short
