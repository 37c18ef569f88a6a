"""The one line on stderr."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from otelkit.delivery.notice import Notice
from tests.forking import in_child

pytestmark = pytest.mark.sdk


def said(folder: Path | None, cause: str | None, *, spooled: bool, **options: object) -> str:
    stream = io.StringIO()
    notice = Notice(folder, stream=stream, **options)  # type: ignore[arg-type] # options by name
    for _ in range(3):
        notice.unreachable("http://127.0.0.1:4318/v1/traces", cause, spooled=spooled)
    return stream.getvalue()


def test_nobody_listening_is_one_line_that_says_what_to_type() -> None:
    """However often it happens."""
    assert said(Path(".otelkit/spool"), None, spooled=True) == (
        "otelkit: nothing listens on http://127.0.0.1:4318; telemetry is kept in .otelkit/spool until this program can "
        "send it, or the next `otelkit up` or `otelkit run` takes it in\n"
    )


def test_a_cause_is_told_in_one_line() -> None:
    """Whatever an exporter has to say."""
    text = said(Path(".otelkit/spool"), "Failed\nwith 503 " + "x" * 500, spooled=True)

    assert text.startswith("otelkit: http://127.0.0.1:4318 does not take telemetry (Failed with 503 xxx")
    assert text.count("\n") == 1
    assert len(text) < 500


@pytest.mark.parametrize("folder", [None, Path("spool")])
def test_without_a_spool_it_says_that_telemetry_is_lost(folder: Path | None) -> None:
    """Also when there is one that did not take it."""
    assert "telemetry is lost until that changes" in said(folder, None, spooled=False)


def test_a_silent_one_is_silent() -> None:
    """Another process of the same tree has said it."""
    assert said(None, None, spooled=False, silent=True) == ""


def test_a_forked_child_is_silent() -> None:
    """One line per tree of processes."""
    stream = io.StringIO()
    notice = Notice(None, stream=stream)

    def child() -> str:
        notice.unreachable("x", None, spooled=False)
        return stream.getvalue()

    assert in_child(child) == ""


@pytest.mark.parametrize("stderr", [None, io.StringIO()])
def test_a_program_without_stderr_is_not_disturbed(stderr: io.StringIO | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closed or missing, nothing is raised."""
    if stderr is not None:
        stderr.close()
    monkeypatch.setattr(sys, "stderr", stderr)
    Notice(None).unreachable("x", None, spooled=False)
