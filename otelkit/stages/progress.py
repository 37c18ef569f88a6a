"""How far runs have come, for the gauges `pipeline.run.progress` and `pipeline.run.total`."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Final

from otelkit._guard import in_forked_child

_MAX_PIPELINES: Final = 256

_lock = threading.Lock()
_latest: dict[str, Progress] = {}


class Progress:
    """Counts the items of one run. Thread-safe; in a forked child it counts on from where the parent was."""

    def __init__(self, pipeline: str, total: int | None) -> None:
        self.pipeline = pipeline
        self.total = total
        """Items the run expects to handle; None: unknown."""
        self.done = 0
        """Items handled so far."""
        self._renew_lock()
        in_forked_child(self._renew_lock)

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()

    def advance(self, count: int) -> None:
        """Count ``count`` more handled items."""
        with self._lock:
            self.done += count


def report(progress: Progress) -> None:
    """Report this run from now on, after its end too, until another run of its pipeline begins."""
    with _lock:
        _latest.pop(progress.pipeline, None)
        _latest[progress.pipeline] = progress
        if len(_latest) > _MAX_PIPELINES:
            del _latest[next(iter(_latest))]


def reported() -> Iterator[Progress]:
    """Yield the latest run of each pipeline in this process."""
    with _lock:
        latest = list(_latest.values())
    yield from latest


def forget() -> None:
    """Report none of the runs that have been so far."""
    with _lock:
        _latest.clear()


def _in_child() -> None:
    # The parent reports its own runs.
    global _lock
    _lock = threading.Lock()
    _latest.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
