"""One signal's way out as OTLP bytes: sent, or kept on disk, or counted as lost; and never longer than allowed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from otelkit._guard import in_forked_child
from otelkit.delivery.fates import Fates
from otelkit.delivery.heir import Heir
from otelkit.delivery.leaving import Leaving
from otelkit.delivery.left_by_children import LeftByChildren
from otelkit.delivery.notice import ENDED, Notice
from otelkit.delivery.onlookers import LONGEST_WAIT_S, Onlookers
from otelkit.delivery.pace import Pace, Patience
from otelkit.delivery.replay import Replay
from otelkit.delivery.sealed_file import SealedFile
from otelkit.delivery.sealing import Sealing
from otelkit.delivery.segment import destination
from otelkit.delivery.spool import Spool
from otelkit.delivery.spool_reader import SpooledRequest
from otelkit.delivery.transport import Contact, Later, Never, Transport
from otelkit.delivery.turns import SEND_LIMIT_S, Turn, Turns
from otelkit.delivery.uncounted import UNCOUNTED
from otelkit.delivery.waiting import Parcel, Waiting
from otelkit.model.signals import Account, Loss, Signal

_log = logging.getLogger("otelkit.delivery")

REQUEST_BYTES: Final = 1024 * 1024
"""A request of about this size costs little more than its bytes, and every receiver takes it (gRPC's default limit: 4 MiB)."""


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
        request_bytes: Requests are joined up to this size, or a quarter of ``limit_bytes`` if that is less.
        principal: Whether this destination counts. With several for one signal only one does, since an item is counted once;
            the others neither count nor spool.
        patience: How long to wait between attempts, and before the spool.
        send_limit_s: Longest time one request is waited for.
        heir: Who sends what this process keeps sealed, should it be one that may be killed (`Sealing.begin`); None: it seals
            nothing.
        left: Finds what children of this process have left when they were killed.
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
        heir: Heir | None = None,
        left: LeftByChildren | None = None,
    ) -> None:
        self._signal = signal
        self._name = name
        self._make_transport = transport
        self._spool = spool if principal else None
        self._fates = Fates(signal, name, account if principal else UNCOUNTED, self._spool, notice, endpoint)
        self._endpoint = endpoint
        self._destination = destination(endpoint)
        self._heir = heir
        self._left = left if self._spool is not None else None
        if self._left is not None:
            self._left.tell(signal, self._destination, self._adopt, self._look_in_time)
        self._limit_bytes = limit_bytes
        # What is being sent can't make room any more: it may be a quarter of what there is room for.
        self._request_bytes = min(request_bytes, max(1, limit_bytes // 4))
        self._patience = patience
        self._send_limit_s = send_limit_s
        # A forked child must not close what it shares with its parent, so it keeps it, unused.
        self._left_behind: list[Turns] = []
        self._start_over()
        in_forked_child(self._in_child)

    def _in_child(self) -> None:
        self.sealing.leave_to_parent()
        self._start_over()

    def _start_over(self) -> None:
        self._waiting = Waiting(self._limit_bytes)
        self.sealing = Sealing(self._sealed_file(), self._heir, self._waiting, self._request_bytes)
        """Keeps what waits safe in a process that may be killed."""
        self._pace = Pace(self._endpoint, self._patience)
        self._replay = self._replay_of(self._spool) if self._spool is not None else None
        self._turns = Turns(
            f"otelkit-send-{self._signal}", self._make_transport, self._send_limit_s, self._work, self._idle_s
        )
        self._left_behind.append(self._turns)
        # Who waits in `flush` or `close`; who flushes, and until when.
        self._onlookers = Onlookers()
        self._hurrying: dict[int, float] = {}
        self._failed_attempts = 0
        self._undelivered_at_flush = self._fates.undelivered
        self._leaving: Leaving | None = None
        self._sending_s: float | None = None
        self._no_room_to_leave = False
        self._closed = False

    def _sealed_file(self) -> SealedFile | None:
        if self._spool is None or self._heir is None:
            return None
        return SealedFile(self._spool.folder, self._signal, self._destination)

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
            self._fates.crowded_out(dropped)
        self._relieve_if_stuck()
        if self.sealing.begins_to_gather():
            self._turns.wake()

    def pending(self) -> int:
        """Return the number of items that wait or are being sent; what is spooled is not among them."""
        return self._waiting.items

    def prepare(self) -> None:
        """Start the thread now: once the interpreter shuts down, none can be started."""
        self._turns.start()

    # -- sealing ---------------------------------------------------------------------------------------------------

    def seal(self, timeout_s: float) -> bool:
        """Make everything that was put so far safe against the end of this process; where that can't be, `flush` it."""
        return self.sealing.write() or self.flush(timeout_s)

    def _hand_over(self) -> bool:
        """Leave what waits to the process that sends it for this one, which may be killed; False if there is none."""
        self._no_room_to_leave = False
        if self._hurrying or self._spool is None or not self._waiting.items or not self.sealing.has_heir():
            return False
        if not self._spool.reserve_for_others(self._waiting.bytes):
            self._no_room_to_leave = True
            return False
        parcels = list(self._waiting.take_all())
        numbers = {chunk.number for parcel in parcels for chunk in parcel.chunks}
        handed = self.sealing.hand_over(numbers)
        for parcel in parcels:
            if handed:
                self._fates.left(parcel.count)
            else:
                self._keep(parcel.body, parcel.count, Loss.EXPORT_FAILED)
            self._waiting.forget(parcel)
        self.sealing.write()
        self._onlookers.announce()
        return True

    def _adopt(self, path: Path) -> None:
        """Send what a child has left in the spool, soon."""
        if self._replay is not None and not self._closed:
            self._replay.adopt(path)
            self._turns.start()
            self._turns.ring()

    def _look_in_time(self) -> None:
        """Have the thread look for what children leave when that is due, which may be sooner than it thinks."""
        if not self._closed:
            self._turns.wake()

    # -- waiting ---------------------------------------------------------------------------------------------------

    def flush(self, timeout_s: float) -> bool:
        """Deliver or spool everything that was put so far; False if not all since the last flush was delivered, or not in time.

        It hurries: what fails is spooled instead of tried again, and what this process has spooled before waits.
        """
        until, failed = self._waiting.newest, self._failed_attempts
        deadline = time.monotonic() + timeout_s
        hurry = object()
        self._hurrying[id(hurry)] = deadline
        try:
            self._relieve_if_stuck()
            if self._waiting.has_until(until) and not self._turns.start():
                self._keep_everything()
            self._turns.ring()
            self._onlookers.wait(lambda: deadline, lambda: self._flushed(until, failed))
        finally:
            del self._hurrying[id(hurry)]
        before, self._undelivered_at_flush = self._undelivered_at_flush, self._fates.undelivered
        return self._undelivered_at_flush == before and not self._waiting.has_until(until)

    def _flushed(self, until: int, failed: int) -> bool:
        if self._spool is None and self._failed_attempts != failed:
            # It waits on, for better times.
            return True
        if self._replay is not None and self._replay.adopted and self._pace.failing_since is None:
            return False
        return not self._waiting.has_until(until)

    def exit_by(self, deadline: float, pending: Callable[[], int] = lambda: 0) -> None:
        """Leave the network early enough to spool what it did not take, all by ``deadline`` (`time.monotonic` seconds).

        Args:
            deadline: When everything is to be over.
            pending: Items still to come, asked again each time: as long as the network takes them, less time is needed for
                the disk, and the network gets it.
        """
        self._leaving = Leaving(deadline, max(0.0, deadline - time.monotonic()), pending)
        self._turns.ring()
        self._onlookers.announce()

    def close(self, timeout_s: float) -> None:
        """Send what waits, spool the rest, end the thread; what comes later is spooled. Takes no longer than ``timeout_s``."""
        if self._closed:
            return
        self._closed = True
        deadline = time.monotonic() + timeout_s
        if self._leaving is None or self._leaving.deadline > deadline:
            self.exit_by(deadline)
        if self._has_something() and self._turns.start():
            self._turns.ring()
            self._onlookers.wait(lambda: min(deadline, self._network_until()), lambda: not self._has_something())
        turn = self._turns.retire()
        self._waiting.recall()
        self._keep_everything()
        # What the thread has begun to write, it finishes.
        self._onlookers.wait(lambda: deadline, lambda: not self._waiting.items)
        self.sealing.close()
        turn.close()

    def _has_something(self) -> bool:
        """Whether there is something to send: in memory, or from this process in the spool, if it may be sent now."""
        if self._waiting.items:
            return True
        # Also what is being sent, which the receiver would have twice if its answer were not waited for.
        return bool(self._replay) and (self._pace.proven or self._pace.try_again_at <= time.monotonic())

    # -- the thread's work -----------------------------------------------------------------------------------------

    def _idle_s(self) -> float:
        """Return how long there is nothing to do, unless the bell rings."""
        now = time.monotonic()
        if now >= self._network_until():
            return LONGEST_WAIT_S
        replay = self._replay
        if self._waiting.items or replay:
            due = max(self._pace.try_again_at, self._gathers_until(now))
        else:
            due = max(self._pace.try_again_at, float("inf") if replay is None else replay.doubt_at)
        if self._turns.too_many_stuck():
            due = max(due, now + 1.0)
        if self._spool is not None and self._waiting.items:
            due = min(due, max(self._pace.spool_at, now + 0.05))
        if self._left is not None:
            due = min(due, self._left.look_at)
        return min(max(0.0, due - now), LONGEST_WAIT_S)

    def _gathers_until(self, now: float) -> float:
        """Return until when requests are only gathered, in `time.monotonic` seconds; 0: they are sent."""
        return 0.0 if self._leaving is not None or self._hurrying else self.sealing.gathers_until(now)

    def _work(self, turn: Turn) -> None:
        try:
            if self._left is not None:
                self._left.look()
            self._send_all(turn)
        except Exception:  # noqa: BLE001 - without this thread everything after would be lost
            _log.exception("sending %s met a bug; it goes on", self._signal)
            # After a pause, so that a bug that stays does not keep a processor busy.
            self._pace.failure(Later("a bug in otelkit", contact=Contact.BROKEN))
        self._onlookers.announce()

    def _send_all(self, turn: Turn) -> None:
        """Send what there is, as long as that goes well."""
        while turn is self._turns.current:
            now = time.monotonic()
            if now >= self._network_until():
                self._keep_everything()
                return
            if now < self._pace.try_again_at or self._turns.too_many_stuck():
                if self._is_to_be_kept(now):
                    self._keep_everything()
                return
            if self._gathers_until(now) or self._hand_over() or not self._send_next(turn):
                return

    def _send_next(self, turn: Turn) -> bool:
        """Send one request, the most urgent there is; False if there is none."""
        replay = self._replay
        in_a_hurry = bool(self._hurrying) or self._leaving is not None
        memory_first = in_a_hurry or self._waiting.bytes > self._limit_bytes // 2
        if replay is not None and not memory_first and (request := replay.own()) is not None:
            return self._send_spooled(turn, replay, request)
        if (parcel := self._waiting.take(self._request_bytes)) is not None:
            if not self._hurrying and not self._no_room_to_leave and self.sealing.has_heir():
                # It came, or sealing began, after `_hand_over` had looked: who sends it for this process would send it again.
                self._waiting.put_back(parcel)
                return True
            return self._send(turn, parcel)
        if replay is None:
            return False
        if (request := replay.own()) is not None:
            return self._send_spooled(turn, replay, request)
        if in_a_hurry:
            return False
        # What others have left is not for one that may be killed with it in its hands: its heir sends that, perhaps now.
        if self._pace.proven and not self.sealing.has_heir() and (request := replay.left()) is not None:
            return self._send_spooled(turn, replay, request)
        if (request := replay.doubtful()) is not None:
            return self._send_spooled(turn, replay, request, in_doubt=True)
        return False

    def _send(self, turn: Turn, parcel: Parcel) -> bool:
        began, count = time.monotonic(), parcel.count
        answer = turn.ask(parcel.body)
        if isinstance(answer, Later):
            if self._waiting.put_back(parcel) and turn is self._turns.current:
                self._failed(answer)
        elif isinstance(answer, Never) and len(parcel.chunks) > 1:
            self._waiting.put_back(parcel, alone=True)
        elif self._waiting.claim(parcel):
            # Whoever has given it up meanwhile has claimed and counted it.
            self._succeeded()
            self._sending_s = (time.monotonic() - began) / count
            self._fates.answered(answer, count)
            self._waiting.forget(parcel)
            self.sealing.write()
            self._onlookers.announce()
        return True

    def _send_spooled(self, turn: Turn, replay: Replay, request: SpooledRequest, *, in_doubt: bool = False) -> bool:
        answer = turn.ask(request.body)
        if isinstance(answer, Later):
            replay.failed(request, answer.contact, taking=self._pace.proven)
            if turn is self._turns.current and not in_doubt:
                self._failed(answer)
            return True
        self._succeeded()
        # Deleted before it is counted: what is counted as spooled must be there.
        request.done()
        if replay.is_own(request):
            self._fates.taken_back(request.count)
            self._fates.answered(answer, request.count)
        replay.done(request)
        self._onlookers.announce()
        return True

    def _succeeded(self) -> None:
        self._pace.success()
        if self._replay is not None:
            self._replay.took()

    def _failed(self, answer: Later) -> None:
        self._failed_attempts += 1
        self._sending_s = None
        self._pace.failure(answer)
        _log.debug("%s did not take %s: %s", self._name, self._signal, answer.why)
        if self._spool is None and self._pace.lasting:
            self._fates.tell(self._why(), spooled=False)

    def _relieve_if_stuck(self) -> None:
        """Have another thread take over from one that hangs in a request."""
        if self._turns.pass_on():
            self._waiting.recall()
            self._failed(Later("it did not answer in time", contact=Contact.SILENT))
            self._turns.start()
            self._turns.ring()

    # -- keeping ---------------------------------------------------------------------------------------------------

    def _network_until(self) -> float:
        """Return when the network has had its share of the time that is left."""
        leaving = self._leaving
        return float("inf") if leaving is None else leaving.network_until(self._sending_s, self._waiting.bytes)

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
        self.sealing.write()
        self._onlookers.announce()

    def _keep_late(self, body: bytes, count: int) -> None:
        if count > 0:
            self._keep(body, count, Loss.AFTER_SHUTDOWN)

    def _keep(self, body: bytes, count: int, otherwise: Loss) -> None:
        # Without time it is left to the system: only a loss of power can lose it then.
        forced = self._leaving is None or time.monotonic() < self._leaving.disk_until
        path = self._fates.keep(body, count, otherwise, forced=forced)
        if path is not None and self._replay is not None:
            self._replay.add(path)
        self._fates.tell(self._why(), spooled=path is not None)

    def _why(self) -> str | None:
        """Return why telemetry is not sent, for the user; None: nothing listens."""
        return ENDED if self._pace.failing_since is None else self._pace.why
