"""Fixtures that every part of the test-suite shares."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from otelkit import _current, _guard
from otelkit.testing import Recorder


def pytest_configure() -> None:
    """Start from the signals of a terminal: started in the background, the suite and all it starts would ignore some."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def our_own_faults_are_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """What otelkit would contain and count in production fails the test, if it is otelkit's own."""
    monkeypatch.setattr(_guard, "reraise_in_tests", True)


@pytest.fixture(autouse=True)
def nothing_stays_installed() -> Iterator[None]:
    """A test leaves the process as it found it: without a runtime."""
    yield
    left, _current.runtime = _current.runtime, None
    assert left is None, "the test left a runtime installed"


@pytest.fixture(autouse=True)
def the_environment_stays() -> Iterator[None]:
    """What a test, or a program that it calls, changes in the environment is gone after it."""
    before = dict(os.environ)
    yield
    if dict(os.environ) != before:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """Install otelkit for the test and keep what it records."""
    with Recorder() as recorder:
        yield recorder
