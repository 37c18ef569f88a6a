"""What a stage must know about the process it runs in: whether it was forked, and how it will end."""

from __future__ import annotations

import os
from typing import Final

FLUSH_S: Final = 5.0
"""Seconds that the end of a forked child's run or outermost stage may take to send what the child has recorded."""

generation = 0
"""How many forks lie between this process and the one that imported us. A call opened in another generation is the parent's:
its span is ended there, and ending it here too would report it twice."""

_ends_orderly = False


def ends_orderly() -> None:
    """Note that this child's end runs multiprocessing's finalizers, as that of a process pool's worker does."""
    global _ends_orderly
    _ends_orderly = True


def must_flush() -> bool:
    """Return whether this is a child that may end by ``os._exit`` at any moment, past every finalizer."""
    return generation > 0 and not _ends_orderly


def _in_child() -> None:
    global generation, _ends_orderly
    generation += 1
    _ends_orderly = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
