"""Whoever waits until the sending thread is so far."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Final

LONGEST_WAIT_S: Final = 3600.0
"""The interpreter can't wait for infinity; to wait again costs nothing."""


class Onlookers:
    """Lets threads wait, each with a bell of its own, and without a lock: one of them may be in a signal handler."""

    def __init__(self) -> None:
        self._bells: dict[int, SimpleQueue[None]] = {}

    def announce(self) -> None:
        """Have everybody look whether it is enough now. Any thread."""
        for bell in tuple(self._bells.values()):
            bell.put(None)

    def wait(self, deadline: Callable[[], float], enough: Callable[[], bool]) -> None:
        """Return when ``enough()``, and at the latest at ``deadline()`` (`time.monotonic` seconds).

        Both are asked again after each announcement. What was announced before this call counts only by what ``enough`` says.
        """
        bell: SimpleQueue[None] = SimpleQueue()
        self._bells[id(bell)] = bell
        try:
            while not enough():
                left_s = deadline() - time.monotonic()
                if left_s <= 0:
                    return
                with suppress(Empty):
                    bell.get(timeout=min(left_s, LONGEST_WAIT_S))
        finally:
            del self._bells[id(bell)]
