"""A thread that sends, so that whoever waits for it can stop waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from functools import partial
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from opentelemetry.instrumentation.utils import suppress_instrumentation

from otelkit._threads import start

R = TypeVar("R")


class Job(Generic[R]):
    """Something that a `Sender` does."""

    def __init__(self, do: Callable[[], R]) -> None:
        self._do = do
        self._bell: SimpleQueue[None] = SimpleQueue()
        self.given_up = False
        """Whether somebody has stopped waiting for it."""
        self.finished = False
        self.result: R | None = None
        """What it returned, once it has."""
        self.error: BaseException | None = None
        """What it raised, if it did."""

    def run(self) -> None:
        """Do it, on the sender's thread, unless nobody waits for it any more."""
        if not self.given_up:
            try:
                self.result = self._do()
            except BaseException as error:  # noqa: BLE001 - whoever waits is told
                self.error = error
        self.finished = True
        self._bell.put(None)

    def wake(self) -> None:
        """Make whoever waits look at the time again."""
        self._bell.put(None)

    def wait(self, until: Callable[[], float]) -> bool:
        """Return whether the job is finished, at the latest at ``until()`` (`time.monotonic` seconds).

        After False it is given up: if it has not been begun, it never will be.
        """
        while not self.finished:
            left_s = until() - time.monotonic()
            if left_s <= 0:
                self.given_up = True
                return False
            with suppress(Empty):
                # An hour at most: the interpreter can't wait for infinity, which is a fine answer of ``until``.
                self._bell.get(timeout=min(left_s, 3600.0))
        return True


class Sender:
    """One daemon thread that does one job after another. A network call may take forever; waiting for it does not.

    A job that nobody waits for any more keeps the thread busy until it returns; `busy` says so.
    Not to be used across a fork: a child makes its own.

    Args:
        name: Thread name, for people who look at a stack dump.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: SimpleQueue[Job[object] | None] = SimpleQueue()
        self._unfinished: dict[int, Job[object]] = {}
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    @property
    def busy(self) -> bool:
        """Whether a job has not been finished."""
        return bool(self._unfinished)

    @property
    def stuck(self) -> bool:
        """Whether a job that was given up has still not returned."""
        return any(job.given_up for job in tuple(self._unfinished.values()))

    def start(self) -> bool:
        """Start the thread if it does not run; False if it can't be started: the interpreter shuts down."""
        # Bounded: a signal handler may have interrupted the start in this very thread.
        if self._runs() or not self._starting.acquire(timeout=0.2):
            return self._runs()
        try:
            # In a context of its own: what is current where the first batch was sent is not current here.
            work = partial(Context().run, self._run)
            return self._runs() or start(threading.Thread(target=work, name=self._name, daemon=True), self._hold)
        finally:
            self._starting.release()

    def _runs(self) -> bool:
        return self._thread is not None

    def submit(self, do: Callable[[], R]) -> Job[R] | None:
        """Have ``do`` done on the thread; None if there is no thread to do it."""
        if not self.start():
            return None
        job = Job(do)
        anybodys: Job[object] = job  # type: ignore[assignment] # to whoever only runs it, its result is an object
        self._unfinished[id(job)] = anybodys
        self._jobs.put(anybodys)
        return job

    def wake(self) -> None:
        """Make whoever waits for a job look at the time again."""
        for job in tuple(self._unfinished.values()):
            job.wake()

    def stop(self) -> None:
        """End the thread once its jobs are done; does not wait."""
        self._jobs.put(None)

    def _hold(self, thread: threading.Thread | None) -> None:
        self._thread = thread

    def _run(self) -> None:
        if self._thread is not threading.current_thread():
            return
        # What an exporter does with instrumented libraries is not the program's work.
        with suppress_instrumentation():
            while (job := self._jobs.get()) is not None:
                job.run()
                self._unfinished.pop(id(job), None)
                del job
