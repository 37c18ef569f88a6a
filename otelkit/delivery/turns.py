"""The thread that sends, one at a time: when it hangs in a request, it is another one's turn."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from functools import partial
from queue import Empty, SimpleQueue
from typing import Final

from opentelemetry.instrumentation.utils import suppress_instrumentation

from otelkit._threads import start
from otelkit.delivery.cleaned import cleaned
from otelkit.delivery.hush import hushed
from otelkit.delivery.transport import Answer, Contact, Later, Transport

SEND_LIMIT_S: Final = 30.0
"""Longest time one request is waited for, whatever the transport thinks; after it another thread takes over."""
_GRACE: Final = 1.2
_MOST_STUCK: Final = 3
"""Threads that may hang in a request at a time."""


class Turn:
    """One sending thread with its transport.

    Args:
        transport: Makes the transport, when it is first needed. May raise.
        limit_s: What the transport is told to keep to, in seconds per request.
    """

    def __init__(self, transport: Callable[[], Transport], limit_s: float) -> None:
        self._make_transport = transport
        self._limit_s = limit_s
        self._transport: Transport | None = None
        self.thread: threading.Thread | None = None
        """None: it has not been started."""
        self.sending_since: float | None = None
        """`time.monotonic` of the attempt that is under way; None: there is none."""

    def hold(self, thread: threading.Thread | None) -> None:
        """Note the thread whose turn it is."""
        self.thread = thread

    def ask(self, body: bytes) -> Answer:
        """Send one request and return the answer. Never raises; for the turn's own thread."""
        self.sending_since = time.monotonic()
        try:
            with hushed([]):
                if self._transport is None:
                    self._transport = self._make_transport()
                return self._transport.send(body, self._limit_s)
        except Exception as error:  # noqa: BLE001 - a transport may raise anything, at its making too
            return Later(cleaned(f"{type(error).__name__}: {error}"), contact=Contact.BROKEN)
        finally:
            self.sending_since = None

    def close(self) -> None:
        """Close the transport. Any thread: a request that has been given up ends with it, if the transport can do that."""
        if self._transport is not None:
            with suppress(Exception):
                self._transport.close()

    def hangs(self) -> bool:
        """Whether the attempt that is under way takes longer than any transport should."""
        since = self.sending_since
        # A transport that keeps to its limit has answered before. Time that the thread spent waiting for the interpreter, which
        # others keep busy, does not matter: the limit is many times what they can take.
        return since is not None and time.monotonic() - since >= self._limit_s * _GRACE and self.thread is not None


class Turns:
    """Runs ``work`` on a thread of its own, which is started when it is first needed, and replaced when it hangs.

    Not to be used across a fork: a child has neither the thread nor a right to the connection.

    Args:
        name: The thread's.
        transport: Makes a transport for each turn.
        send_limit_s: Longest time one request is waited for.
        work: Does what there is to do, each time the bell rings and after ``idle_s``; returns early when the turn that it is
            given is no longer `current`. Must not raise.
        idle_s: Returns for how long there is nothing to do unless the bell rings, in finite seconds.
    """

    def __init__(
        self,
        name: str,
        transport: Callable[[], Transport],
        send_limit_s: float,
        work: Callable[[Turn], None],
        idle_s: Callable[[], float],
    ) -> None:
        self._name = name
        self._work = work
        self._idle_s = idle_s
        self._new = partial(Turn, transport, send_limit_s)
        self.current = self._new()
        """Whose turn it is; whoever finds that it is not his any more ends."""
        self._stuck: list[Turn] = []
        self._starting = threading.Lock()
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._rung = False

    def start(self) -> bool:
        """Start the thread if it does not run; False if none can be started: the interpreter shuts down."""
        # Bounded: a signal handler may have interrupted the start in this very thread.
        if self.current.thread is not None or not self._starting.acquire(timeout=0.2):
            return self.current.thread is not None
        try:
            turn = self.current
            if turn.thread is None:
                # In a context of its own: what is current where the first body was put is not current here.
                run = partial(Context().run, self._run, turn)
                thread = threading.Thread(target=run, name=self._name, daemon=True)
                return start(thread, turn.hold)
            return True
        finally:
            self._starting.release()

    def ring(self) -> None:
        """Have the thread look what there is to do."""
        self._rung = True
        self._bell.put(None)

    def wake(self) -> None:
        """Have the thread look what there is to do, started if need be; costs next to nothing if it is about to."""
        if self.current.thread is None:
            self.start()
        if not self._rung:
            self.ring()

    def pass_on(self) -> bool:
        """Make it another thread's turn if the one whose turn it is hangs; False if it does not. The new one is not started."""
        turn = self.current
        if not turn.hangs() or not self._starting.acquire(blocking=False):
            return False
        try:
            if self.current is not turn:
                return False
            self._stuck = [*self.stuck(), turn]
            self.current = self._new()
        finally:
            self._starting.release()
        return True

    def retire(self) -> Turn:
        """Make it nobody's turn, and return whose it was: its thread ends after the request that it may be sending."""
        turn, self.current = self.current, self._new()
        self.ring()
        return turn

    def stuck(self) -> list[Turn]:
        """Return the turns that are over and whose threads still hang."""
        return [turn for turn in self._stuck if turn.thread is not None and turn.thread.is_alive()]

    def too_many_stuck(self) -> bool:
        """Whether so many threads hang that no more should be risked until one of them comes back."""
        return len(self.stuck()) >= _MOST_STUCK

    def _run(self, turn: Turn) -> None:
        if turn.thread is not threading.current_thread():
            return
        # What a transport does with instrumented libraries is not the program's work.
        with suppress_instrumentation():
            while turn is self.current:
                with suppress(Empty):
                    self._bell.get(timeout=self._idle_s())
                self._rung = False
                self._work(turn)
        turn.close()
