"""One signal's way out as OTLP bytes: sent, or kept on disk, or counted as lost; and never longer than allowed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from functools import partial
from queue import Empty, SimpleQueue
from typing import Final

from opentelemetry.instrumentation.utils import suppress_instrumentation

from otelkit._guard import in_forked_child
from otelkit.delivery.cleaned import cleaned
from otelkit.delivery.hush import hushed
from otelkit.delivery.leaving import Leaving
from otelkit.delivery.notice import Notice
from otelkit.delivery.pace import Pace, Patience
from otelkit.delivery.replay import Replay
from otelkit.delivery.segment import destination
from otelkit.delivery.spool import Spool
from otelkit.delivery.spool_reader import SpooledRequest
from otelkit.delivery.transport import Answer, Contact, Later, Never, Taken, Transport
from otelkit.delivery.uncounted import UNCOUNTED
from otelkit.delivery.waiting import Parcel, Waiting
from otelkit.model.signals import Account, Loss, Signal

_log = logging.getLogger("otelkit.delivery")

REQUEST_BYTES: Final = 1024 * 1024
"""A request of about this size costs little more than its bytes, and every receiver takes it (gRPC's default limit: 4 MiB)."""
SEND_LIMIT_S: Final = 30.0
"""Longest time one request is waited for, whatever the transport thinks; after it another thread takes over."""
_GRACE: Final = 1.2
_MOST_STUCK: Final = 3
"""Threads that may hang in a request at a time; with so many, everything is spooled until one comes back."""
_DISK_BYTES_PER_S: Final = 20e6
"""How fast requests can be written at the end, cautiously."""
_LONGEST_WAIT_S: Final = 3600.0
"""The interpreter can't wait for infinity; to wait again costs nothing."""


class _Turn:
    """One sending thread with its transport. It ends when it is no longer the one whose turn it is."""

    def __init__(self) -> None:
        self.thread: threading.Thread | None = None
        self.transport: Transport | None = None
        self.sending_since: float | None = None
        """`time.monotonic` of the attempt that is under way; None: there is none."""


class Outgoing:
    """Takes whole export requests of one signal and gets them out of the process; counts each item exactly once.

    `put` only appends to a queue in memory. One thread, started when it is first needed, joins what waits to requests of about
    ``request_bytes`` (an OTLP request is a repeated field, so requests join by concatenation) and sends them, oldest first.
    A failed request is tried again, later each time and not before the receiver's ``Retry-After``. When that lasts, and at
    once if nothing listens on a port of this machine, what waits goes to the spool; when the receiver is back, this process
    sends its own spooled requests in order, then what waits, then what ended processes have left in the same folder.
    What the receiver refuses for good is counted as `Loss.REJECTED`, after joined requests were tried one by one.

    Each item is delivered once, except where the protocol does not allow to know: if an answer is lost, or comes after it was
    given up (a time limit, the program's end), or the process is killed between the answer and the deletion of a spooled
    request, the receiver may get it twice; never less than once, unless the ledger says so.

    Any method may be called from any thread, from a signal handler, and never raises. A forked child starts empty, with a
    thread and a transport of its own.

    Args:
        signal: What is sent.
        name: The exporter, for messages.
        transport: Makes the transport, on the sending thread; again in a child, and after a request that hung. May raise.
        account: Where items are counted; whoever makes them counts them as created.
        spool: Where requests go that can't be sent; None: they wait in memory, and are lost at the end.
        notice: Tells the user, once.
        endpoint: URL, for the notice and to know what is on this machine. None: unknown.
        limit_bytes: Most bytes in memory. Above it the newest that are no errors go first; counted as `Loss.BUFFER_FULL`.
        request_bytes: Requests are joined up to this size.
        principal: Whether this destination counts. With several for one signal only one does, since an item is counted once;
            the others neither count nor spool.
        patience: How long to wait between attempts, and before the spool.
        send_limit_s: Longest time one request is waited for.
    """

    def __init__(
        self,
        signal: Signal,
        name: str,
        transport: Callable[[], Transport],
        *,
        account: Account,
        spool: Spool | None,
        notice: Notice,
        endpoint: str | None,
        limit_bytes: int,
        request_bytes: int = REQUEST_BYTES,
        principal: bool = True,
        patience: Patience = Patience(),  # noqa: B008 - it is frozen
        send_limit_s: float = SEND_LIMIT_S,
    ) -> None:
        self._signal = signal
        self._name = name
        self._make_transport = transport
        self._account = account if principal else UNCOUNTED
        self._spool = spool if principal else None
        self._notice = notice
        self._endpoint = endpoint
        self._destination = destination(endpoint)
        self._limit_bytes = limit_bytes
        self._request_bytes = request_bytes
        self._patience = patience
        self._send_limit_s = send_limit_s
        # A forked child must not close what it shares with its parent, so it keeps it, unused.
        self._left_behind: list[_Turn] = []
        self._turn = _Turn()
        self._start_over()
        in_forked_child(self._start_over)

    def _start_over(self) -> None:
        self._left_behind.append(self._turn)
        self._turn = _Turn()
        self._stuck: list[_Turn] = []
        self._starting = threading.Lock()
        self._waiting = Waiting(self._limit_bytes)
        self._pace = Pace(self._endpoint, self._patience)
        self._replay = self._replay_of(self._spool) if self._spool is not None else None
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._rung = False
        # Who waits in `flush` or `close`, each with a bell of their own; who flushes, and until when.
        self._waiters: dict[int, SimpleQueue[None]] = {}
        self._hurrying: dict[int, float] = {}
        self._failed_attempts = 0
        self._undelivered = self._undelivered_at_flush = 0
        self._leaving: Leaving | None = None
        self._sending_s: float | None = None
        self._closed = False

    def _replay_of(self, spool: Spool) -> Replay:
        return Replay(spool.folder, self._signal, self._destination, self._patience.longest_s)

    # -- taking ----------------------------------------------------------------------------------------------------

    def put(self, body: bytes, count: int, error_body: bytes = b"", error_count: int = 0) -> None:
        """Take up to two whole export requests. Never blocks, except by the disk after `close`.

        Args:
            body: A request with whatever is no error.
            count: Spans, points or records in it; 0: there is none.
            error_body: A request with what is to be dropped last when memory gets short.
            error_count: Items in that.
        """
        if self._closed:
            self._keep_late(body, count)
            self._keep_late(error_body, error_count)
            return
        dropped = 0
        if error_count > 0:
            dropped += self._waiting.put(error_body, error_count, is_error=True)
        if count > 0:
            dropped += self._waiting.put(body, count)
        if dropped:
            self._account.lost(self._signal, dropped, Loss.BUFFER_FULL)
        self._relieve_if_stuck()
        if self._turn.thread is None:
            self._start()
        if not self._rung:
            self._ring()

    def pending(self) -> int:
        """Return the number of items that wait or are being sent; what is spooled is not among them."""
        return self._waiting.items

    def prepare(self) -> None:
        """Start the thread now: once the interpreter shuts down, none can be started."""
        self._start()

    # -- waiting ---------------------------------------------------------------------------------------------------

    def flush(self, timeout_s: float) -> bool:
        """Deliver or spool everything that was put so far; False if not all since the last flush was delivered, or not in time.

        It hurries: what fails is spooled instead of tried again, and what this process has spooled before waits.
        """
        until, failed = self._waiting.newest, self._failed_attempts
        deadline = time.monotonic() + timeout_s
        bell: SimpleQueue[None] = SimpleQueue()
        self._waiters[id(bell)] = bell
        self._hurrying[id(bell)] = deadline
        try:
            self._relieve_if_stuck()
            if self._waiting.has_until(until) and not self._start():
                self._keep_everything()
            self._ring()
            self._wait(bell, lambda: deadline, lambda: self._flushed(until, failed))
        finally:
            del self._hurrying[id(bell)]
            del self._waiters[id(bell)]
        before, self._undelivered_at_flush = self._undelivered_at_flush, self._undelivered
        return self._undelivered_at_flush == before and not self._waiting.has_until(until)

    def _flushed(self, until: int, failed: int) -> bool:
        if self._spool is None and self._failed_attempts != failed:
            # It waits on, for better times.
            return True
        return not self._waiting.has_until(until)

    def exit_by(self, deadline: float, pending: Callable[[], int] = lambda: 0) -> None:
        """Leave the network early enough to spool what it did not take, all by ``deadline`` (`time.monotonic` seconds).

        Args:
            deadline: When everything is to be over.
            pending: Items still to come, asked again each time: as long as the network takes them, less time is needed for
                the disk, and the network gets it.
        """
        self._leaving = Leaving(deadline, max(0.0, deadline - time.monotonic()), pending)
        self._ring()
        self._announce()

    def close(self, timeout_s: float) -> None:
        """Send what waits, spool the rest, end the thread; what comes later is spooled. Takes no longer than ``timeout_s``."""
        if self._closed:
            return
        self._closed = True
        deadline = time.monotonic() + timeout_s
        if self._leaving is None or self._leaving.deadline > deadline:
            self.exit_by(deadline)
        bell: SimpleQueue[None] = SimpleQueue()
        self._waiters[id(bell)] = bell
        try:
            if self._has_something() and self._start():
                self._ring()
                self._wait(bell, lambda: min(deadline, self._network_until()), lambda: not self._has_something())
            turn, self._turn = self._turn, _Turn()
            self._ring()
            self._waiting.recall()
            self._keep_everything()
            # What the thread has begun to write, it finishes.
            self._wait(bell, lambda: deadline, lambda: not self._waiting.items)
        finally:
            del self._waiters[id(bell)]
        if turn.transport is not None:
            # A request that has been given up ends here, if the transport can do that.
            with suppress(Exception):
                turn.transport.close()

    def _has_something(self) -> bool:
        """Whether there is something to send: in memory, or in the spool and from this process."""
        return bool(self._waiting.items) or (self._pace.proven and bool(self._replay))

    def _wait(self, bell: SimpleQueue[None], deadline: Callable[[], float], enough: Callable[[], bool]) -> None:
        """Return when ``enough()``, asked after each request, and at the latest at ``deadline()``."""
        while not enough():
            left_s = deadline() - time.monotonic()
            if left_s <= 0:
                return
            with suppress(Empty):
                bell.get(timeout=min(left_s, _LONGEST_WAIT_S))

    def _ring(self) -> None:
        self._rung = True
        self._bell.put(None)

    def _announce(self) -> None:
        for bell in tuple(self._waiters.values()):
            bell.put(None)

    # -- the thread ------------------------------------------------------------------------------------------------

    def _start(self) -> bool:
        """Start the thread if it does not run; False if none can be started: the interpreter shuts down."""
        # Bounded: a signal handler may have interrupted the start in this very thread.
        if self._turn.thread is not None or not self._starting.acquire(timeout=0.2):
            return self._turn.thread is not None
        try:
            turn = self._turn
            if turn.thread is None:
                # In a context of its own: what is current where the first body was put is not current here.
                work = partial(Context().run, self._run, turn)
                thread = threading.Thread(target=work, name=f"otelkit-send-{self._signal}", daemon=True)
                try:
                    thread.start()
                except RuntimeError:
                    return False
                turn.thread = thread
            return True
        finally:
            self._starting.release()

    def _run(self, turn: _Turn) -> None:
        # What a transport does with instrumented libraries is not the program's work.
        with suppress_instrumentation():
            while turn is self._turn:
                with suppress(Empty):
                    self._bell.get(timeout=self._idle_s())
                self._rung = False
                try:
                    self._work(turn)
                except Exception:  # noqa: BLE001 - without this thread everything after would be lost
                    _log.exception("sending %s met a bug; it goes on", self._signal)
                    # After a pause, so that a bug that stays does not keep a processor busy.
                    self._pace.failure(Later("a bug in otelkit", contact=Contact.BROKEN))
                self._announce()
        if turn.transport is not None:
            with suppress(Exception):
                turn.transport.close()

    def _idle_s(self) -> float:
        """Return how long there is nothing to do, unless the bell rings."""
        now = time.monotonic()
        if now >= self._network_until():
            return _LONGEST_WAIT_S
        replay = self._replay
        if self._waiting.items or replay:
            due = self._pace.try_again_at
        else:
            due = max(self._pace.try_again_at, float("inf") if replay is None else replay.doubt_at)
        if len(self._still_stuck()) >= _MOST_STUCK:
            due = max(due, now + 1.0)
        if self._spool is not None and self._waiting.items:
            due = min(due, max(self._pace.spool_at, now + 0.05))
        return min(max(0.0, due - now), _LONGEST_WAIT_S)

    def _work(self, turn: _Turn) -> None:
        """Send what there is, as long as that goes well."""
        while turn is self._turn:
            now = time.monotonic()
            if now >= self._network_until():
                self._keep_everything()
                return
            if now < self._pace.try_again_at or len(self._still_stuck()) >= _MOST_STUCK:
                if self._is_to_be_kept(now):
                    self._keep_everything()
                return
            if not self._send_next(turn):
                return

    def _send_next(self, turn: _Turn) -> bool:
        """Send one request, the most urgent there is; False if there is none."""
        replay = self._replay
        in_a_hurry = bool(self._hurrying) or self._leaving is not None
        memory_first = in_a_hurry or self._waiting.bytes > self._limit_bytes // 2
        if replay is not None and not memory_first and (request := replay.own()) is not None:
            return self._send_spooled(turn, replay, request)
        if (parcel := self._waiting.take(self._request_bytes)) is not None:
            return self._send(turn, parcel)
        if replay is None:
            return False
        if (request := replay.own()) is not None:
            return self._send_spooled(turn, replay, request)
        if in_a_hurry:
            return False
        if self._pace.proven and (request := replay.left()) is not None:
            return self._send_spooled(turn, replay, request)
        if (request := replay.doubtful()) is not None:
            return self._send_spooled(turn, replay, request, in_doubt=True)
        return False

    def _ask(self, turn: _Turn, body: bytes) -> Answer:
        turn.sending_since = time.monotonic()
        try:
            with hushed([]):
                if turn.transport is None:
                    turn.transport = self._make_transport()
                return turn.transport.send(body, self._send_limit_s)
        except Exception as error:  # noqa: BLE001 - a transport may raise anything, at its making too
            return Later(cleaned(f"{type(error).__name__}: {error}"), contact=Contact.BROKEN)
        finally:
            turn.sending_since = None

    def _send(self, turn: _Turn, parcel: Parcel) -> bool:
        began, count = time.monotonic(), parcel.count
        answer = self._ask(turn, parcel.body)
        if isinstance(answer, Later):
            if self._waiting.put_back(parcel) and turn is self._turn:
                self._failed(answer)
        elif isinstance(answer, Never) and len(parcel.chunks) > 1:
            self._waiting.put_back(parcel, alone=True)
        elif self._waiting.claim(parcel):
            # Whoever has given it up meanwhile has claimed and counted it.
            self._pace.success()
            self._sending_s = (time.monotonic() - began) / count
            self._count(answer, count)
            self._waiting.forget(parcel)
            self._announce()
        return True

    def _send_spooled(self, turn: _Turn, replay: Replay, request: SpooledRequest, *, in_doubt: bool = False) -> bool:
        answer = self._ask(turn, request.body)
        if isinstance(answer, Later):
            replay.failed(request, answer.contact)
            if turn is self._turn and not in_doubt:
                self._failed(answer)
            return True
        self._pace.success()
        # Deleted before it is counted: what is counted as spooled must be there.
        request.done()
        if replay.is_own(request):
            self._account.spooled(self._signal, -request.count)
            self._count(answer, request.count)
        replay.done(request)
        self._announce()
        return True

    def _count(self, answer: Taken | Never, count: int) -> None:
        """Count what a receiver has answered for good."""
        rejected = count if isinstance(answer, Never) else min(answer.rejected, count)
        self._account.delivered(self._signal, count - rejected)
        if rejected:
            self._undelivered += 1
            self._account.lost(self._signal, rejected, Loss.REJECTED)
        why = answer.why if isinstance(answer, Never) else answer.message
        if why:
            _log.debug("%s rejected %d of %d %s: %s", self._name, rejected, count, self._signal, cleaned(why))

    def _failed(self, answer: Later) -> None:
        self._failed_attempts += 1
        self._sending_s = None
        self._pace.failure(answer)
        _log.debug("%s did not take %s: %s", self._name, self._signal, answer.why)
        if self._spool is None and self._pace.lasting:
            self._tell(spooled=False)

    def _relieve_if_stuck(self) -> None:
        """Have another thread take over from one that hangs in a request."""
        turn = self._turn
        since = turn.sending_since
        # A transport that keeps to its limit has answered before. Time that the thread spent waiting for the interpreter, which
        # others keep busy, does not matter: the limit is many times what they can take.
        if since is None or time.monotonic() - since < self._send_limit_s * _GRACE or turn.thread is None:
            return
        if not self._starting.acquire(blocking=False):
            return
        try:
            if self._turn is not turn:
                return
            self._stuck = [*self._still_stuck(), turn]
            self._turn = _Turn()
        finally:
            self._starting.release()
        self._waiting.recall()
        self._failed(Later("it did not answer in time", contact=Contact.SILENT))
        self._start()
        self._ring()

    def _still_stuck(self) -> list[_Turn]:
        return [turn for turn in self._stuck if turn.thread is not None and turn.thread.is_alive()]

    # -- keeping ---------------------------------------------------------------------------------------------------

    def _network_until(self) -> float:
        """Return when the network has had its share of the time that is left."""
        leaving = self._leaving
        if leaving is None:
            return float("inf")
        needed_s = self._waiting.bytes / _DISK_BYTES_PER_S
        return max(leaving.network_until(self._sending_s) - needed_s, leaving.deadline - leaving.had_s * 3 / 4)

    def _is_to_be_kept(self, now: float) -> bool:
        """Whether what waits goes to the spool, while the receiver is not to be asked."""
        hurried = tuple(self._hurrying.values())
        if self._leaving is not None or hurried:
            # Who is told when to come again comes again, if there is time for it.
            patient_until = self._network_until() if self._leaving is not None else max(hurried)
            if self._pace.asked and self._pace.try_again_at < patient_until:
                return False
            return self._leaving is not None or self._spool is not None
        if self._spool is None:
            return False
        return now >= self._pace.spool_at or self._waiting.bytes > self._limit_bytes // 2

    def _keep_everything(self) -> None:
        """Spool what waits; where there is no spool, it is lost."""
        for parcel in self._waiting.claim_all(self._request_bytes):
            self._keep(parcel.body, parcel.count, Loss.EXPORT_FAILED if self._pace.failing_since else Loss.EXIT_LIMIT)
        self._announce()

    def _keep_late(self, body: bytes, count: int) -> None:
        if count > 0:
            self._keep(body, count, Loss.AFTER_SHUTDOWN)

    def _keep(self, body: bytes, count: int, otherwise: Loss) -> None:
        path = None
        self._undelivered += 1
        if self._spool is None:
            self._account.lost(self._signal, count, otherwise)
        else:
            # Without time it is left to the system: only a loss of power can lose it then.
            forced = self._leaving is None or time.monotonic() < self._leaving.deadline - self._leaving.had_s / 8
            path = self._spool.keep(self._signal, body, count, destination=self._destination, forced=forced)
        if path is not None and self._replay is not None:
            self._replay.add(path)
        self._tell(spooled=path is not None)

    def _tell(self, *, spooled: bool) -> None:
        why = "the program ended" if self._pace.failing_since is None else self._pace.why
        self._notice.unreachable(self._endpoint or f"the exporter {self._name}", why, spooled=spooled)
