"""What children of this process have left sealed when they were killed: it is sent by this process, soon."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from otelkit._guard import in_forked_child
from otelkit.delivery.left_sealed import take_in
from otelkit.model.signals import Signal

_EVERY_S: Final = 0.5
"""How often the folder is looked through, once there has been a child."""
_PATIENCE_S: Final = 0.5
"""How long whoever can't come back later waits for another thread that looks."""


class LeftByChildren:
    """Looks for what killed children have left, and hands it to those who send. Thread-safe.

    Once there has been a child, about twice a second and at the end of the program; and once at its beginning, in case another
    one was killed together with its children. What other children of its parent leave is none of a child's business: it may be
    killed itself, or not have made yet who sends it.

    Args:
        folder: The spool, which this process shares with its children.
        at_beginning: Whether this process is to look before it has had a child.
    """

    def __init__(self, folder: Path, *, at_beginning: bool = True) -> None:
        self._folder = Path(folder).absolute()
        self._takers: dict[tuple[Signal, int], Callable[[Path], None]] = {}
        self._wake: Callable[[], None] | None = None
        self._lock = threading.Lock()
        self._expecting = False
        self._began_ns = time.time_ns()
        self.look_at = 0.0 if at_beginning else float("inf")
        """When `look` is due, in `time.monotonic` seconds; infinity: not for the time being."""
        in_forked_child(self._in_forked_child)

    def _in_forked_child(self) -> None:
        self._lock = threading.Lock()
        self.is_child()

    def is_child(self) -> None:
        """Hear that this process is a child itself; one that is not forked hears it while its threads are at work."""
        self._expecting = False
        self.look_at = float("inf")

    def tell(
        self,
        signal: Signal,
        destination: int,
        take: Callable[[Path], None],
        wake: Callable[[], None] | None = None,
    ) -> None:
        """Hand requests of this signal for this destination (`segment.destination`) to ``take``, in any thread.

        Args:
            signal: What is taken.
            destination: For where.
            take: Must not raise.
            wake: Called in any thread when `look_at` has come nearer, so that somebody looks then; must not raise. One of those
                that were told is enough: whoever looks does so for all.
        """
        self._takers[signal, destination] = take
        self._wake = wake or self._wake

    def expect(self) -> None:
        """Hear that this process has started a child, which may be killed from now on."""
        if not self._expecting:
            self._expecting = True
            self.look_at = min(self.look_at, time.monotonic() + _EVERY_S)
            if self._wake is not None:
                # The threads that look may have gone to sleep until there is something to send.
                self._wake()

    def end(self) -> None:
        """Look a last time, and not again."""
        self.look(at_once=True)
        self._expecting = False
        self.look_at = float("inf")

    def look(self, *, at_once: bool = False) -> None:
        """Look for what was left, if that is due. Never raises.

        Args:
            at_once: Look now, if there has been a child.
        """
        due = self._expecting if at_once else time.monotonic() >= self.look_at
        # Somebody else may be looking, which takes milliseconds.
        if not due or not self._lock.acquire(timeout=_PATIENCE_S if at_once else 0.0):
            return
        try:
            self.look_at = time.monotonic() + _EVERY_S if self._expecting else float("inf")
            # Multiprocessing's resource tracker begins beside the first child, and knows of no heir.
            begun_before_ns = None if self._expecting else self._began_ns
            for signal, destination, path in take_in(self._folder, begun_before_ns):
                take = self._takers.get((signal, destination))
                if take is not None:
                    take(path)
        finally:
            self._lock.release()
