"""Whether this thread is inside a run of Python's garbage collector.

A generator that nobody finished may be closed by the collector, in the midst of any other code: also while that code holds one
of the SDK's locks, which are not reentrant. What takes such a lock must wait until the collector is done.
"""

from __future__ import annotations

import gc
import threading

_collecting: int | None = None
"""The thread that collects; there is at most one."""


def watch() -> None:
    """Keep track from now on. Repeated calls do nothing; it costs two short calls for each run of the collector."""
    if _note not in gc.callbacks:
        gc.callbacks.append(_note)


def in_collection() -> bool:
    """Say whether the collector runs in this thread now."""
    return _collecting is not None and _collecting == threading.get_ident()


def _note(phase: str, info: dict[str, int]) -> None:
    global _collecting
    _collecting = threading.get_ident() if phase == "start" else None
