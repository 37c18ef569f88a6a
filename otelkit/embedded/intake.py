"""The way into the store: a bounded queue, and the one thread that decodes, writes and commits.

A request is acknowledged only after the transaction that holds it has been committed, so that whatever a sender was told is
stored survives the end of this process, however sudden. Requests that wait while a transaction is under way share the next
one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from otelkit.embedded.in_flight import Busy, InFlight, Share
from otelkit.embedded.quiet import untraced
from otelkit.embedded.store_writer import DecodedBatch, StoreWriter
from otelkit.embedded.tally import Tally
from otelkit.errors import ReceiverError, StoreError
from otelkit.model.signals import Signal

__all__ = ["Accepted", "Busy", "Intake", "StoreWriter"]

_log = logging.getLogger("otelkit.embedded")

T = TypeVar("T")

GROUP_BYTES: Final = 1 * 1024 * 1024
"""A transaction takes no further request beyond this: decoded rows take several times the room of the bytes."""
GROUP_REQUESTS: Final = 256
MAINTAIN_EVERY_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer to a request that is stored."""

    count: int
    """Spans, points or log records stored."""
    rejected: int = 0
    """Those left out because they are invalid (partial success)."""
    reason: str = ""
    """Why, for the sender; empty if none was."""


@dataclass(slots=True)
class _Request:
    signal: Signal
    body: bytes
    share: Share
    future: Future[Accepted]


@dataclass(slots=True)
class _Job:
    do: Callable[[StoreWriter], Any]  # Any: goes into the future below
    future: Future[Any]


class Intake:
    """Decodes and stores requests, one group at a time. Thread-safe.

    Args:
        open_store: Opens the store; called once, on the writer's thread.
        decode: Turns a protobuf body into what the store writes; raises ``WireError``.
        in_flight: The bound on unstored bytes.
        tally: Where stored requests are counted.

    Raises:
        StoreError: The store can't be opened (and whatever else ``open_store`` raises).
    """

    def __init__(
        self,
        open_store: Callable[[], StoreWriter],
        decode: Callable[[Signal, bytes], DecodedBatch],
        in_flight: InFlight,
        tally: Tally,
    ) -> None:
        self.in_flight = in_flight
        self._open_store = open_store
        self._decode = decode
        self._tally = tally
        self._waiting: deque[_Request | _Job] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._give_up = False
        self._store_troubled = False
        opened: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(opened,), name="otelkit-store", daemon=True)
        self._thread.start()
        opened.result()

    def submit(self, signal: Signal, body: bytes, share: Share | None = None) -> Future[Accepted]:
        """Queue a protobuf request; the future ends when it is committed.

        Args:
            signal: What the body holds.
            body: The export request, uncompressed.
            share: The bytes already counted for it while it was read; None: they are counted here.

        Returns:
            A future of `Accepted`. Its errors: ``WireError`` (nothing of the request is stored), ``StoreError`` (the store
            can't take it now), ``ReceiverError`` (the receiver stopped before it was stored).

        Raises:
            Busy: Too much is waiting; the share, if one was given, is released.
            ReceiverError: The receiver is stopping.
        """
        if share is None:
            share = self.in_flight.open()
            share.grow(len(body))
        request = _Request(signal, body, share, Future())
        try:
            self._put(request)
        except ReceiverError:
            share.release()
            raise
        return request.future

    def call(self, do: Callable[[StoreWriter], T]) -> Future[T]:
        """Run ``do`` with the store on the writer's thread, after everything queued before.

        Raises:
            ReceiverError: The receiver is stopping.
        """
        job = _Job(do, Future())
        self._put(job)
        return job.future

    def close(self, timeout_s: float) -> bool:
        """Store what was accepted, close the store, refuse anything new.

        Returns:
            Whether all of it was stored within ``timeout_s``; if not, the rest fails and was never acknowledged.
        """
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout_s)
        if not self._thread.is_alive():
            return True
        with self._changed:
            self._give_up = True
            left = list(self._waiting)
            self._waiting.clear()
        for entry in left:
            if entry.future.set_running_or_notify_cancel():
                _fail(entry, ReceiverError("The receiver stopped before this could be stored. Send it again."))
        return False

    def _put(self, entry: _Request | _Job) -> None:
        with self._changed:
            if self._closing:
                raise ReceiverError("The receiver is stopping. Send it again later.")
            self._waiting.append(entry)
            self._changed.notify()

    def _run(self, opened: Future[None]) -> None:
        with untraced():
            try:
                store = self._open_store()
            except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for it
                opened.set_exception(error)
                return
            opened.set_result(None)
            try:
                self._serve(store)
            finally:
                store.close()

    def _serve(self, store: StoreWriter) -> None:
        maintain_at = time.monotonic() + MAINTAIN_EVERY_S
        while True:
            with self._changed:
                while not self._waiting and not self._closing:
                    if not self._changed.wait(max(0.0, maintain_at - time.monotonic())):
                        break
                if not self._waiting and self._closing:
                    return
                group = self._next_group()
            if group:
                self._handle(store, group)
            if time.monotonic() >= maintain_at and not self._closing:
                # A slice; the next one comes after the group that waits, so that no sender waits for the whole.
                more = self._maintain(store)
                maintain_at = time.monotonic() + (0.0 if more else MAINTAIN_EVERY_S)
            if self._give_up:
                return

    def _next_group(self) -> list[_Request] | _Job | None:
        """Take the next job, or the requests that go into one transaction."""
        group: list[_Request] = []
        size = 0
        while self._waiting and len(group) < GROUP_REQUESTS:
            entry = self._waiting[0]
            if isinstance(entry, _Job):
                if group:
                    break
                self._waiting.popleft()
                return entry if entry.future.set_running_or_notify_cancel() else None
            if group and size + len(entry.body) > GROUP_BYTES:
                break
            self._waiting.popleft()
            # From here on nobody can cancel it. One that was cancelled before is dropped: its sender was told nothing.
            if entry.future.set_running_or_notify_cancel():
                group.append(entry)
                size += len(entry.body)
            else:
                entry.share.release()
        return group

    def _handle(self, store: StoreWriter, group: list[_Request] | _Job) -> None:
        if isinstance(group, _Job):
            try:
                group.future.set_result(group.do(store))
            except Exception as error:  # noqa: BLE001 - handed to whoever asked
                group.future.set_exception(error)
            return
        started = time.perf_counter()
        size = sum(len(request.body) for request in group)
        decoded: list[tuple[_Request, DecodedBatch]] = []
        for request in group:
            try:
                decoded.append((request, self._decode(request.signal, request.body)))
            except Exception as error:  # noqa: BLE001 - the sender's fault or ours, either way only this request fails
                _fail(request, error)
        # The bytes are decoded; holding both would cost memory for nothing.
        for request in group:
            request.body = b""
        if decoded:
            self._write(store, decoded)
            self.in_flight.stored(size, time.perf_counter() - started)

    def _write(self, store: StoreWriter, decoded: list[tuple[_Request, DecodedBatch]]) -> None:
        try:
            store.write([batch for _, batch in decoded])
        except StoreError as error:
            self._trouble(error)
            for request, _ in decoded:
                _fail(request, error)
            return
        except Exception as error:  # noqa: BLE001 - told to the sender, and logged below
            if len(decoded) > 1:
                # One of them is at fault: it must not take the others with it.
                for pair in decoded:
                    self._write(store, [pair])
                return
            _log.exception("a %s request could not be stored", decoded[0][0].signal)
            _fail(decoded[0][0], error)
            return
        if self._store_troubled:
            self._store_troubled = False
            _log.warning("the store takes telemetry again")
        for request, batch in decoded:
            request.share.release()
            self._tally.taken(request.signal, batch.count, batch.rejected)
            request.future.set_result(Accepted(batch.count, batch.rejected, batch.rejected_reason))

    def _trouble(self, error: StoreError) -> None:
        if not self._store_troubled:
            self._store_troubled = True
            _log.error("telemetry can't be stored now, senders are told to try again: %s", error)

    def _maintain(self, store: StoreWriter) -> bool:
        """Do a slice of the retention; return whether there is more to do."""
        try:
            return store.maintain().more
        except StoreError as error:
            self._trouble(error)
        except Exception:  # noqa: BLE001 - retention must not end the writer
            _log.exception("retention failed; it is tried again in %d s", MAINTAIN_EVERY_S)
        return False


def _fail(entry: _Request | _Job, error: BaseException) -> None:
    if isinstance(entry, _Request):
        entry.share.release()
    entry.future.set_exception(error)
