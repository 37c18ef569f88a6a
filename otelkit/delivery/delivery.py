"""One exporter's way out: try, or keep on disk, or count as lost; and never longer than allowed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Final, Generic, TypeVar

from otelkit._guard import in_forked_child
from otelkit._otlp.encoded import Encode, Encoded
from otelkit.delivery.circuit import Circuit
from otelkit.delivery.cleaned import cleaned
from otelkit.delivery.hush import hushed, in_short
from otelkit.delivery.leaving import Leaving
from otelkit.delivery.notice import ENDED, Notice
from otelkit.delivery.sender import Sender
from otelkit.delivery.spool import Spool
from otelkit.model.signals import Account, Loss, Signal

_log = logging.getLogger("otelkit.delivery")

EXPORT_LIMIT_S: Final = 30.0
"""Longest time one export is waited for; the stock exporters give up after 10 s by themselves."""

Batch = TypeVar("Batch")


class Delivery(Generic[Batch]):
    """Takes batches to an exporter that may fail, hang or be missing. Counts each item exactly once; never raises.

    The exporter is built when it is first needed, and again in a forked child, so that no connection is shared. It works on
    a thread of its own. While it fails, and when the program ends before it answers, batches are spooled.
    A batch whose answer came too late is in the spool *and* may have arrived: delivery is at least once.

    Args:
        signal: What is counted.
        name: The exporter, for messages.
        factory: Builds it.
        send: Hands a batch to it and returns whether it was taken; may raise and may take forever.
        account: Where items are counted.
        spool: Where failed batches go; None: they are lost.
        encode: Writes a batch as OTLP for the spool; None: the exporter is not OTLP, and its batches are not spooled.
        notice: Tells the user, once.
        endpoint: URL, for the notice, and looked at before use if it is on this machine's loopback. None: unknown.
        principal: Whether this exporter's success counts. With several exporters for one signal only one is the principal;
            the others send too, but neither count nor spool, since each item is to be counted once.
        export_limit_s: Longest time one export is waited for.
    """

    def __init__(
        self,
        signal: Signal,
        name: str,
        factory: Callable[[], Any],  # Any: a span, log or metric exporter
        send: Callable[[Any, Batch], bool],  # Any: see above
        *,
        account: Account,
        spool: Spool | None,
        encode: Encode | None,
        notice: Notice,
        endpoint: str | None = None,
        principal: bool = True,
        export_limit_s: float = EXPORT_LIMIT_S,
    ) -> None:
        self._signal = signal
        self._name = name
        self._factory = factory
        self._send = send
        self._account = account
        self._spool = spool if principal and encode is not None else None
        self._encode = encode
        self._notice = notice
        self._endpoint = endpoint
        self._principal = principal
        self._export_limit_s = export_limit_s
        # A forked child must not close what it shares with its parent, so it keeps it, unused.
        self._left_behind: list[Any] = []  # Any: see above
        self._inner: Any = None
        self._start_over()
        in_forked_child(self._start_over)

    def _start_over(self) -> None:
        if self._inner is not None:
            self._left_behind.append(self._inner)
        self._inner = None
        self._sender = Sender(f"otelkit-send-{self._signal}")
        self._circuit = Circuit(self._endpoint)
        self._leaving: Leaving | None = None
        self._sending_s: float | None = None
        self._closed = False
        # Who is in `deliver` now: `close` waits for them, since each may have to write what it did not get rid of.
        self._delivering: dict[int, SimpleQueue[None]] = {}
        self._cause: str | None = None
        self.healthy = True
        """Whether the last batch was delivered; true before the first."""

    # -- sending ---------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Start the thread now: once the interpreter shuts down, none can be started."""
        self._sender.start()

    def deliver(self, batch: Batch, count: int) -> bool:
        """Deliver ``count`` items, or spool them; False if they are lost. Each is counted once."""
        if count <= 0:
            return True
        done: SimpleQueue[None] = SimpleQueue()
        self._delivering[id(done)] = done
        try:
            return self._deliver(batch, count)
        finally:
            del self._delivering[id(done)]
            done.put(None)

    def _deliver(self, batch: Batch, count: int) -> bool:
        if self._try(batch, count):
            self.healthy = True
            if self._principal:
                self._account.delivered(self._signal, count)
            return True
        self.healthy = False
        if not self._principal:
            _log.debug("%s did not take %d items: %s", self._name, count, self._cause)
            return False
        return self._keep(batch, count)

    def _try(self, batch: Batch, count: int) -> bool:
        """Return whether the exporter took the batch; if not, ``_cause`` says why."""
        if self._circuit.open() or self._closed:
            return False
        if self._sender.stuck:
            # The thread still waits for an answer that we gave up on.
            return False
        if time.monotonic() >= self._network_until():
            self._cause = ENDED
            return False
        if self._circuit.refused():
            self._cause = None
            return False
        complaints: list[str] = []
        job = self._sender.submit(lambda: self._export(batch, complaints))
        if job is None:
            self._cause = ENDED
            return False
        began = time.monotonic()
        give_up_at = began + self._export_limit_s
        answered = job.wait(lambda: min(give_up_at, self._network_until()))
        if not answered:
            self._cause = cleaned(in_short(complaints) or "it did not answer in time")
        elif job.error is not None:
            self._cause = cleaned(f"{type(job.error).__name__}: {job.error}")
        elif job.result:
            self._circuit.success()
            self._sending_s = (time.monotonic() - began) / count
            return True
        else:
            self._cause = cleaned(in_short(complaints) or "the export failed")
        self._circuit.failure(silent=not answered)
        self._sending_s = None
        return False

    def _export(self, batch: Batch, complaints: list[str]) -> bool:
        """Export on the sender's thread; return whether the batch was taken, and add what the exporter said."""
        with hushed(complaints):
            return self._send(self.inner(), batch)

    def inner(self) -> Any:  # Any: see `factory`
        """Return the exporter, built if need be. May raise whatever its constructor raises."""
        if self._inner is None:
            self._inner = self._factory()
        return self._inner

    # -- keeping ---------------------------------------------------------------------------------------------------

    def _keep(self, batch: Batch, count: int) -> bool:
        """Spool a batch that could not be sent; False if nothing of it could be kept."""
        kept = False
        if self._spool is None or self._encode is None:
            self._account.lost(self._signal, count, Loss.EXPORT_FAILED)
        else:
            for encoded in self._encoded(batch, count):
                kept |= encoded.written > 0 and self._spool.write(self._signal, encoded.body, encoded.written)
        self._notice.unreachable(self._endpoint or f"the exporter {self._name}", self._cause, spooled=kept)
        _log.debug("%d %s not delivered by %s: %s", count, self._signal, self._name, self._cause)
        return kept

    def _encoded(self, batch: Batch, count: int) -> Sequence[Encoded]:
        """Return the batch as requests; what can't be written is counted as lost."""
        assert self._encode is not None
        try:
            requests = self._encode(batch)
        except Exception as error:  # noqa: BLE001 - it must not, and would take a thread of the program's with it
            _log.error("%d %s are lost, since writing them failed: %r", count, self._signal, error)
            requests = ()
        self._account.lost(self._signal, count - sum(encoded.written for encoded in requests), Loss.ENCODE_FAILED)
        return requests

    # -- the end ---------------------------------------------------------------------------------------------------

    def exit_by(self, deadline: float, pending: Callable[[], int] = lambda: 0) -> None:
        """Leave the network early enough to spool what it did not take, all by ``deadline`` (`time.monotonic` seconds).

        Args:
            deadline: When everything is to be over.
            pending: Items still to come, asked again before each batch: as long as the network takes them, less time is
                needed for the disk, and the network gets it.
        """
        self._leaving = Leaving(deadline, max(0.0, deadline - time.monotonic()), pending)
        self._sender.wake()

    def _network_until(self) -> float:
        return float("inf") if self._leaving is None else self._leaving.network_until(self._sending_s)

    def flush(self, timeout_s: float) -> bool:
        """Flush what the exporter buffers itself; False if that failed, or if the last batch was not delivered."""
        if self._inner is None or not self.healthy:
            return self.healthy
        if self._sender.stuck:
            return False
        until = min(time.monotonic() + timeout_s, self._network_until())
        return self._on(self._sender, self._inner.force_flush, until)

    def close(self, timeout_s: float) -> None:
        """Close the exporter's connections; what is being sent and what comes later is spooled.

        Waits no longer than ``timeout_s``.
        """
        if self._closed:
            return
        self._closed = True
        deadline = time.monotonic() + timeout_s
        if self._delivering:
            # Whoever closes without `exit_by` has waited long enough.
            self.exit_by(time.monotonic())
            for done in tuple(self._delivering.values()):
                with suppress(Empty):
                    done.get(timeout=max(0.0, deadline - time.monotonic()))
        if self._inner is not None:
            closer = self._sender
            if closer.stuck:
                # Told from another thread, stock exporters stop trying to send what has been spooled meanwhile.
                closer = Sender(f"otelkit-close-{self._signal}")
            self._on(closer, self._inner.shutdown, deadline)
            closer.stop()
        self._sender.stop()

    def _on(self, sender: Sender, do: Callable[[], object], until: float) -> bool:
        def quietly() -> bool:
            with hushed([]):
                return do() is not False

        job = sender.submit(quietly)
        return job is not None and job.wait(lambda: until) and job.result is True
