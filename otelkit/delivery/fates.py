"""What becomes of requests of one signal in the end: each item is counted once, and the user is told once."""

from __future__ import annotations

import logging
from pathlib import Path

from otelkit.delivery.cleaned import cleaned
from otelkit.delivery.notice import Notice
from otelkit.delivery.segment import destination
from otelkit.delivery.spool import Spool
from otelkit.delivery.transport import Never, Taken
from otelkit.model.signals import Account, Loss, Signal

_log = logging.getLogger("otelkit.delivery")


class Fates:
    """Counts requests as delivered, refused, spooled or lost, and writes those to disk that are to be spooled.

    Args:
        signal: What is sent.
        name: The exporter, for messages.
        account: Where items are counted.
        spool: Where requests go that can't be sent; None: they are lost.
        notice: Tells the user.
        endpoint: URL, for the notice; only requests for the same one are sent from the spool. None: unknown.
    """

    def __init__(
        self, signal: Signal, name: str, account: Account, spool: Spool | None, notice: Notice, endpoint: str | None
    ) -> None:
        self._signal = signal
        self._name = name
        self._account = account
        self._spool = spool
        self._notice = notice
        self._place = endpoint or f"the exporter {name}"
        self._destination = destination(endpoint)
        self.undelivered = 0
        """Requests so far that were spooled, or lost in whole or in part."""

    def answered(self, answer: Taken | Never, count: int) -> None:
        """Count what a receiver has answered for good. One that rejects more than it got is not believed."""
        rejected = count if isinstance(answer, Never) else min(answer.rejected, count)
        self._account.delivered(self._signal, count - rejected)
        if rejected:
            self.undelivered += 1
            self._account.lost(self._signal, rejected, Loss.REJECTED)
        why = answer.why if isinstance(answer, Never) else answer.message
        if why:
            _log.debug("%s rejected %d of %d %s: %s", self._name, rejected, count, self._signal, cleaned(why))

    def left(self, count: int) -> None:
        """Count items that are left in the spool to another process, which sends them."""
        self._account.spooled(self._signal, count)

    def taken_back(self, count: int) -> None:
        """Count items of a spooled request of this process as spooled no more; what becomes of them is counted next."""
        self._account.spooled(self._signal, -count)

    def crowded_out(self, count: int) -> None:
        """Count items as lost for want of memory."""
        self._account.lost(self._signal, count, Loss.BUFFER_FULL)

    def keep(self, body: bytes, count: int, otherwise: Loss, *, forced: bool) -> Path | None:
        """Spool a request, and return its file; None: there is no spool or it did not take it, and the items are lost.

        Args:
            body: The request.
            count: Items in it.
            otherwise: The reason of the loss if there is no spool.
            forced: Whether to wait until the disk has it.
        """
        self.undelivered += 1
        if self._spool is None:
            self._account.lost(self._signal, count, otherwise)
            return None
        return self._spool.keep(self._signal, body, count, destination=self._destination, forced=forced)

    def tell(self, why: str | None, *, spooled: bool) -> None:
        """Tell the user that telemetry is spooled or lost, and why; None: nothing listens."""
        self._notice.unreachable(self._place, why, spooled=spooled)
