"""How far event loops are behind: how long what is ready to run has to wait."""

from __future__ import annotations

import sys
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from otelkit._clock import SYSTEM_CLOCK, Clock
from otelkit._guard import in_forked_child

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

_FULL_NS: Final = 100_000_000
"""A loop on which everything waits for a tenth of a second has a load of 1: people notice that, and timeouts are near."""
_ANSWERED: Final = -1
_MOST_LOOPS: Final = 64
"""More loops at once than this are not all measured."""


class EventLoopLag:
    """Reads how long the event loops of this process took to come to what was given to them at the last reading, 0 to 1.

    A loop is measured from the first reading on that happens while it runs, in a thread in which it runs. It is asked to call
    us once per reading, which costs it a few microseconds; one that has not answered yet has been behind at least since then.
    ``asyncio`` is never imported for this.

    Args:
        clock: Measures the lag.
    """

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._now_ns = clock.monotonic_ns
        self._asked_ns: weakref.WeakKeyDictionary[AbstractEventLoop, int] = weakref.WeakKeyDictionary()
        """When each loop was asked, as long as it has not answered."""
        self._longest_ns = 0
        in_forked_child(self._forget)

    def _forget(self) -> None:
        # The parent's loops do not run here.
        self._asked_ns = weakref.WeakKeyDictionary()
        self._longest_ns = 0

    def __call__(self) -> float:
        self._meet()
        longest_ns, self._longest_ns = self._longest_ns, 0
        now_ns = self._now_ns()
        for loop, asked_ns in list(self._asked_ns.items()):
            if not loop.is_running():
                # It is closed, or between two runs, in which nothing waits for it.
                self._asked_ns.pop(loop, None)
            elif asked_ns != _ANSWERED:
                longest_ns = max(longest_ns, now_ns - asked_ns)
            else:
                self._ask(loop, now_ns)
        return min(1.0, longest_ns / _FULL_NS)

    def _meet(self) -> None:
        """Get to know the loop that runs in this thread, if any does."""
        asyncio = sys.modules.get("asyncio")
        if asyncio is None or len(self._asked_ns) >= _MOST_LOOPS:
            return
        # RuntimeError: none runs here. AttributeError: asyncio is being imported right now.
        with suppress(RuntimeError, AttributeError):
            loop: AbstractEventLoop = asyncio.get_running_loop()
            self._asked_ns.setdefault(loop, _ANSWERED)

    def _ask(self, loop: AbstractEventLoop, now_ns: int) -> None:
        known = weakref.ref(loop)

        def answer() -> None:
            loop = known()
            # An answer to a question that was given up says nothing.
            if loop is not None and self._asked_ns.get(loop) == now_ns:
                self._asked_ns[loop] = _ANSWERED
                self._longest_ns = max(self._longest_ns, self._now_ns() - now_ns)

        self._asked_ns[loop] = now_ns
        # RuntimeError: it has been closed a moment ago.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(answer)
