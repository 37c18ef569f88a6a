"""The receiver as a process of its own."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest

from otelkit._cli import receiver_process
from tests.embedded.fake_store import FakeStore
from tests.embedded.receiving import fake_service


def test_the_spool_is_looked_into_again_after_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The thread outlives whatever happens there, and says once what it was."""
    stop = threading.Event()
    calls: list[Path] = []

    def take_in(folder: Path, *_: object) -> int:
        calls.append(folder)
        if len(calls) == 3:
            stop.set()
        raise RuntimeError("a bug")

    monkeypatch.setattr(receiver_process, "take_in_spool", take_in)
    monkeypatch.setattr(receiver_process, "_SPOOL_S", 0.001)
    with fake_service(tmp_path, FakeStore()) as service, caplog.at_level(logging.ERROR, "otelkit.receiver"):
        receiver_process._watch_spool(tmp_path, service, stop)

    assert len(calls) == 3
    assert caplog.text.count("RuntimeError: a bug") == 1
