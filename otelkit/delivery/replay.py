"""What lies in the spool and is to be sent by this process, now that the receiver is back."""

from __future__ import annotations

import os
import time
from collections import deque
from pathlib import Path
from typing import Final

from otelkit._bounded import BoundedDict
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
    For the thread that sends, except `add`.

    Args:
        folder: The spool; it may be missing.
        signal: Which requests are given back.
        destination: Where this process sends (`segment.destination`).
    """

    def __init__(self, folder: Path, signal: Signal, destination: int) -> None:
        self._folder = folder
        self._signal = signal
        self._destination = destination
        self._own: deque[Path] = deque()
        self._left: deque[Path] | None = None
        self._look_at = 0.0
        self._tries: BoundedDict[Path, int] = BoundedDict(1000)

    def add(self, path: Path) -> None:
        """Remember what this process has spooled. Any thread."""
        self._own.append(path)

    def __len__(self) -> int:
        """Return how many requests this process has spooled and not sent since."""
        return len(self._own)

    def own(self) -> SpooledRequest | None:
        """Return the oldest request of this process that can still be had; None if there is none."""
        return self._first_of(self._own)

    def left(self) -> SpooledRequest | None:
        """Return the oldest request that was there before; None if there is none, or it was looked for just now."""
        if not self._left:
            if time.monotonic() < self._look_at:
                return None
            self._look_at = time.monotonic() + _LOOK_AGAIN_S
            self._left = deque(self._listed())
        return self._first_of(self._left)

    def failed(self, request: SpooledRequest, contact: Contact, *, own: bool) -> None:
        """Leave a request where it is, to be given again.

        After some times not as the first: it may be what breaks the receiver; and not before the next start if the receiver
        answers that it is no good.
        """
        request.release()
        line = self._own if own else self._left
        if line is None:
            return
        tries = self._tries.get(request.path) or 0
        if contact in (Contact.BROKEN, Contact.ANSWERED):
            tries += 1
            self._tries.put(request.path, tries)
        if tries < _TRIES:
            line.appendleft(request.path)
        elif contact is Contact.BROKEN:
            self._tries.put(request.path, 0)
            line.append(request.path)

    def _first_of(self, line: deque[Path]) -> SpooledRequest | None:
        while line:
            request = take(line.popleft())
            if request is not None:
                return request
        return None

    def _listed(self) -> list[Path]:
        try:
            paths = sorted(path for path in self._folder.iterdir() if path.suffix == ".otlp")
        except OSError:
            return []
        own = set(self._own)
        return [path for path in paths if path not in own and self._is_ours(path)]

    def _is_ours(self, path: Path) -> bool:
        if (self._tries.get(path) or 0) >= _TRIES:
            return False
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
