"""From items to bytes that another thread sends, for one signal and one receiver."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Any, Final

from otelkit._otlp.encoded import Encode, Encoded
from otelkit.delivery.outgoing import Outgoing
from otelkit.model.signals import Account, Loss, Signal

_log = logging.getLogger("otelkit.delivery")

CLOSE_LIMIT_S: Final = 0.5
"""Longest time that closing waits for what is being sent to be spooled instead, and for connections to be closed."""

_NOTHING: Final = Encoded(b"", 0, 0)


class OtlpWriter:
    """Writes batches of one signal as requests and hands them to an `Outgoing`. Never raises.

    Args:
        signal: What is written.
        outgoing: Sends, retries and spools.
        account: Where items that can't be written are counted.
        encode: Writes a batch.
    """

    def __init__(self, signal: Signal, outgoing: Outgoing, account: Account, encode: Encode) -> None:
        self._signal = signal
        self.outgoing = outgoing
        self._account = account
        self.encode = encode
        """Replaced where a child writes another resource."""
        self._deadline: float | None = None

    def write(self, items: Sequence[Any], errors: Sequence[Any] = ()) -> None:  # Any: spans or log records
        """Have ``items`` and ``errors`` sent; the latter are the last to go when memory gets short."""
        normal = self._encoded(items, len(items)) if items else ()
        failed = self._encoded(errors, len(errors)) if errors else ()
        for one, other in zip_longest(normal, failed, fillvalue=_NOTHING):
            self.outgoing.put(one.body, one.written, other.body, other.written)

    def write_whole(self, batch: Any, count: int) -> None:  # Any: what the encoder takes
        """Have a batch of ``count`` items sent."""
        for encoded in self._encoded(batch, count):
            self.outgoing.put(encoded.body, encoded.written)

    def exit_by(self, deadline: float, pending: Callable[[], int] = lambda: 0) -> None:
        """Block no longer than ``deadline`` (`time.monotonic` seconds) from now on; what is not sent by then is spooled."""
        self._deadline = deadline
        self.outgoing.exit_by(deadline, pending)

    def close(self) -> None:
        """Send or spool what waits, until the deadline if there is one."""
        left_s = CLOSE_LIMIT_S if self._deadline is None else max(0.05, self._deadline - time.monotonic())
        self.outgoing.close(left_s)

    def _encoded(self, batch: Any, count: int) -> Sequence[Encoded]:  # Any: see `write_whole`
        try:
            requests = self.encode(batch)
        except Exception as error:  # noqa: BLE001 - it must not, and would take the thread that settles everything with it
            _log.error("%d %s are lost, since writing them failed: %r", count, self._signal, error)
            self._account.lost(self._signal, count, Loss.ENCODE_FAILED)
            return ()
        left_out = sum([encoded.left_out for encoded in requests])
        if left_out:
            self._account.lost(self._signal, left_out, Loss.ENCODE_FAILED)
        return requests
