"""How one signal's requests are kept safe in a process that may be killed, and who sends them."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Final

from otelkit.delivery.heir import Heir
from otelkit.delivery.sealed_file import SealedFile, States
from otelkit.delivery.waiting import Waiting

GATHERING_S: Final = 0.5
"""How long a process that seals what it records waits for more before it gives it away: nothing is at risk meanwhile."""


class Sealing:
    """Keeps the requests in ``waiting`` in a sealed file as long as they are there, once it is told to `begin`.

    Not to be used across a fork; see `leave_to_parent`.

    Args:
        file: Where they are kept; None: nowhere.
        heir: Who sends what is handed over.
        waiting: What waits to be sent.
        request_bytes: So much is not gathered any longer.
    """

    def __init__(self, file: SealedFile | None, heir: Heir | None, waiting: Waiting, request_bytes: int) -> None:
        self._file = file
        self._heir = heir
        self._waiting = waiting
        self._request_bytes = request_bytes
        self._gathers_until = 0.0

    def begin(self) -> None:
        """Keep what is put from now on, if there is a file."""
        if self._file is not None:
            self._waiting.begin_to_seal()

    @property
    def active(self) -> bool:
        """Whether requests are kept."""
        return self._waiting.seals and self._file is not None and not self._file.broken

    def write(self) -> bool:
        """Keep what waits, and note what is gone: sent again, it would be there twice. False if that failed."""
        if self._file is None or not self._waiting.seals:
            return False
        self._file.note(self._waiting)
        return self._file.write()

    def put_state(self, number: int, body: bytes, count: int) -> None:
        """Have the next `write` keep a state, in place of the last one with this number."""
        if self._file is not None:
            self._file.put_state(number, count, body)

    def states(self) -> States:
        """Return the states there are."""
        return {} if self._file is None else self._file.states()

    def supersede(self, states: States) -> None:
        """Keep what waits, and forget ``states``, which it says too."""
        if self._file is not None and self._waiting.seals:
            self._file.note(self._waiting)
            self._file.forget_states(states)
            self._file.write()

    def begins_to_gather(self) -> bool:
        """Hear that something was put; return whether whoever sends is to look what there is to do."""
        now = time.monotonic()
        if not self.active or self._waiting.bytes >= self._request_bytes:
            self._gathers_until = 0.0
            return True
        if now < self._gathers_until:
            return False
        # That it knows how long to wait.
        self._gathers_until = now + GATHERING_S
        return True

    def gathers_until(self, now: float) -> float:
        """Return until when nothing is to be sent, in `time.monotonic` seconds; 0: it may be sent now."""
        return self._gathers_until if now < self._gathers_until else 0.0

    def has_heir(self) -> bool:
        """Whether somebody else is there to send what is kept."""
        return self.active and self._heir is not None and self._heir.lives()

    def hand_over(self, numbers: Collection[int]) -> bool:
        """Leave the requests with these numbers, and the states, to the heir; False if that can't be."""
        return self.write() and self._file is not None and self._file.hand_over(numbers)

    def close(self) -> None:
        """Delete the file, unless something in it is still needed."""
        if self._file is not None:
            self._file.close()

    def leave_to_parent(self) -> None:
        """In a forked child: have no more to do with the parent's file."""
        if self._file is not None:
            self._file.leave_to_parent()
