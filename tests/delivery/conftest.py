"""Every test here must leave no thread of ours behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.waiting import wait_until


def ours() -> set[int | None]:
    return {thread.ident for thread in threading.enumerate() if thread.name.startswith("otelkit-")}


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    """A thread that goes on exporting would disturb later tests, and a user's program."""
    before = ours()
    yield
    wait_until(lambda: ours() <= before)
