"""What lies in the spool and is to be sent by this process, now that the receiver is back."""

from __future__ import annotations

import os
import time
from collections import deque
from pathlib import Path
from typing import Final

from otelkit.delivery.segment import ANYWHERE, OVERHEAD, peek
from otelkit.delivery.spool_reader import SpooledRequest, take
from otelkit.delivery.transport import Contact
from otelkit.model.signals import Signal

_TRIES: Final = 3
"""Attempts at one request that nothing but the request may have caused to fail, after which others go first."""
_LOOK_AGAIN_S: Final = 30.0
"""How often the folder is looked through for what other processes left there."""


class Replay:
    """Gives spooled requests of one signal back, oldest first: this process's own, and what ended processes have left.

    Requests of others are only given if they were for the same endpoint, or for any. Each is one reader's at a time, also
    among processes, so that `otelkit up` may read the same folder meanwhile.
    A request that fails again and again while the receiver answers, or whose connection always breaks, may be what breaks
    the receiver, or the receiver was down: it is suspected, and others go first. As soon as any of them is taken, it has
    one more turn. If it fails then, it is in doubt: it is tried seldom, and keeps nothing else from being sent.
    For the thread that sends, except `add`.

    Args:
        folder: The spool; it may be missing.
        signal: Which requests are given back.
        destination: Where this process sends (`segment.destination`).
        doubt_s: How long to wait between attempts at what is suspected or in doubt.
    """

    def __init__(self, folder: Path, signal: Signal, destination: int, doubt_s: float = 30.0) -> None:
        self._folder = folder
        self._signal = signal
        self._destination = destination
        self._doubt_s = doubt_s
        # This process's own, whose items are in its account; and what is to be sent first: these, and its children's.
        self._own: set[Path] = set()
        self._waiting: deque[Path] = deque()
        self._sending = False
        self.adopted: set[Path] = set()
        """What children have left and has not been tried yet, or is being sent."""
        self._left: deque[Path] = deque()
        self._look_at = 0.0
        self._suspected: deque[Path] = deque()
        self._doubtful: deque[Path] = deque()
        self._doubt_at = 0.0
        self._tries: dict[Path, int] = {}

    def add(self, path: Path) -> None:
        """Remember what this process has spooled. Any thread."""
        self._own.add(path)
        self._waiting.append(path)

    def adopt(self, path: Path) -> None:
        """Give what a child of this process has left in its turn, though it is not in this process's account. Any thread."""
        self.adopted.add(path)
        self._waiting.append(path)

    def __len__(self) -> int:
        """Return how many requests of this process and its children are to be sent before anything else, or are being sent."""
        return len(self._waiting) + self._sending

    @property
    def doubt_at(self) -> float:
        """Return when something suspected or in doubt is due, in `time.monotonic` seconds; infinity: there is nothing."""
        return self._doubt_at if self._suspected or self._doubtful else float("inf")

    def own(self) -> SpooledRequest | None:
        """Return the oldest request of this process that can still be had; None if there is none."""
        # First, so that whoever asks for the length meanwhile does not miss it.
        self._sending = bool(self._waiting)
        request = self._first_of(self._waiting)
        self._sending = request is not None
        return request

    def left(self) -> SpooledRequest | None:
        """Return the oldest request that others have left; None if there is none, or it was looked for just now."""
        if not self._left and time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + _LOOK_AGAIN_S
            self._left = deque(self._listed())
        return self._first_of(self._left)

    def doubtful(self) -> SpooledRequest | None:
        """Return one that is suspected or in doubt, if it is due; None if not. That it fails says nothing about others."""
        if time.monotonic() < self.doubt_at:
            return None
        self._doubt_at = time.monotonic() + self._doubt_s
        return self._first_of(self._suspected) or self._first_of(self._doubtful)

    def took(self) -> None:
        """Hear that the receiver takes requests: those that failed while it took none have their turn again, in order."""
        while self._suspected:
            path = self._suspected.pop()
            self._line_of(path).appendleft(path)

    def failed(self, request: SpooledRequest, contact: Contact, *, taking: bool) -> None:
        """Leave a request where it is, to be given again.

        Args:
            request: What was given.
            contact: How far it came.
            taking: Whether the receiver took whatever was sent just before.
        """
        path = request.path
        request.release()
        self.adopted.discard(path)
        tries = self._tries.get(path, 0)
        blamed = contact in (Contact.BROKEN, Contact.ANSWERED)
        # While the receiver takes nothing at all, one more failure says nothing about the request.
        if blamed and (taking or tries < _TRIES):
            self._tries[path] = tries = tries + 1
        if tries > _TRIES:
            self._doubt_at = time.monotonic() + self._doubt_s
            self._doubtful.append(path)
        elif blamed and tries == _TRIES:
            if not self._suspected and not self._doubtful:
                self._doubt_at = time.monotonic() + self._doubt_s
            self._suspected.append(path)
        else:
            self._line_of(path).appendleft(path)
        self._sending = False

    def is_own(self, request: SpooledRequest) -> bool:
        """Whether this process has spooled it, so that it is in its account."""
        return request.path in self._own

    def done(self, request: SpooledRequest) -> None:
        """Forget a request that is gone and counted."""
        if self._tries.get(request.path, 0) > _TRIES:
            # It was in doubt and innocent, and so may others be.
            self._doubt_at = 0.0
        self._sending = False
        self._forget(request.path)

    def _line_of(self, path: Path) -> deque[Path]:
        return self._waiting if path in self._own else self._left

    def _forget(self, path: Path) -> None:
        self._tries.pop(path, None)
        self._own.discard(path)
        self.adopted.discard(path)

    def _first_of(self, line: deque[Path]) -> SpooledRequest | None:
        while line:
            path = line.popleft()
            request = take(path)
            if request is not None:
                return request
            # Another reader has it, or had it.
            self._forget(path)
        return None

    def _listed(self) -> list[Path]:
        try:
            paths = sorted(path for path in self._folder.iterdir() if path.suffix == ".otlp")
        except OSError:
            return []
        # Copied in one step: another thread may add to it meanwhile.
        known = self._own.copy().union(self._tries)
        return [path for path in paths if path not in known and self._is_for_us(path)]

    def _is_for_us(self, path: Path) -> bool:
        try:
            # Without O_NONBLOCK, opening a fifo would wait for its writer.
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return False
        try:
            found = peek(os.read(file, OVERHEAD))
        except OSError:
            return False
        finally:
            os.close(file)
        return found is not None and found[0] == self._signal and found[1] in (ANYWHERE, self._destination)
