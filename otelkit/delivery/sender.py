"""A thread that sends, so that whoever waits for it can stop waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from opentelemetry.instrumentation.utils import suppress_instrumentation

R = TypeVar("R")


class Job(Generic[R]):
    """Something that a `Sender` does."""

    def __init__(self, do: Callable[[], R]) -> None:
        self._do = do
        self._bell: SimpleQueue[None] = SimpleQueue()
        self.finished = False
        self.result: R | None = None
        """What it returned, once it has."""
        self.error: BaseException | None = None
        """What it raised, if it did."""

    def run(self) -> None:
        """Do it, on the sender's thread."""
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
        """Return whether the job is finished, at the latest at ``until()`` (`time.monotonic` seconds)."""
        while not self.finished:
            left_s = until() - time.monotonic()
            if left_s <= 0:
                return False
            try:
                self._bell.get(timeout=left_s)
            except Empty:
                return self.finished
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
        self._current: Job[object] | None = None
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    @property
    def busy(self) -> bool:
        """Whether a job is still running."""
        current = self._current
        return current is not None and not current.finished

    def start(self) -> bool:
        """Start the thread if it does not run; False if it can't be started: the interpreter shuts down."""
        if self._thread is not None:
            return True
        # Not waited for: a signal handler may have interrupted the start in this very thread.
        if not self._starting.acquire(blocking=False):
            return self._thread is not None
        try:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                try:
                    thread.start()
                except RuntimeError:
                    return False
                self._thread = thread
            return True
        finally:
            self._starting.release()

    def submit(self, do: Callable[[], R]) -> Job[R] | None:
        """Have ``do`` done on the thread; None if there is no thread to do it."""
        if not self.start():
            return None
        job = Job(do)
        self._current = job  # type: ignore[assignment] # a job of R is a job of object to whoever only waits for it
        self._jobs.put(job)  # type: ignore[arg-type] # see above
        return job

    def wake(self) -> None:
        """Make whoever waits for the current job look at the time again."""
        current = self._current
        if current is not None:
            current.wake()

    def stop(self) -> None:
        """End the thread once its jobs are done; does not wait."""
        self._jobs.put(None)

    def _run(self) -> None:
        # What an exporter does with instrumented libraries is not the program's work.
        with suppress_instrumentation():
            while (job := self._jobs.get()) is not None:
                job.run()
                del job
