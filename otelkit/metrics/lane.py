"""One exporter's own way out: a bounded buffer, a thread, and another try after a failure."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from typing import Any, Final

from otelkit._clock import Clock
from otelkit._drain import Drain
from otelkit._threads import start
from otelkit.metrics.entry import EntryExporter, MetricEntry

_log = logging.getLogger("otelkit.metrics")

_BATCH: Final = 5000


class ExportLane:
    """Buffers entries for one exporter; at each export the buffer is copied and cleared.

    A batch whose export fails is kept and tried again, together with what came since, after the retry delay. What is beyond the
    limit is dropped and counted. Thread-safe; in a forked child it starts empty.

    Args:
        exporter: Where entries go.
        interval_s: Time between two exports, > 0; a buffer of 5,000 entries goes at once.
        retry_delay_s: Time between a failure and the next try, > 0.
        limit: Most entries just recorded, and again most that the lane's thread has taken over for the next export, >= 1; so
            at most twice as many are held. Of the former the newest are dropped where there are more, of the latter the oldest.
        clock: Where the time is read.
    """

    def __init__(
        self, exporter: EntryExporter, *, interval_s: float, retry_delay_s: float, limit: int, clock: Clock
    ) -> None:
        self.dropped = 0
        """Entries dropped so far."""
        self._exporter = exporter
        self._interval_ns = int(interval_s * 1e9)
        self._retry_delay_ns = int(retry_delay_s * 1e9)
        self._limit = limit
        self._clock = clock
        self._said_full = False
        self.start_over()
        self._drain: Drain[MetricEntry] = Drain(
            f"otelkit-metrics-{exporter.name}",
            self._export,
            limit=limit,
            batch=_BATCH,
            delay_s=min(interval_s, retry_delay_s),
            tick_when_idle=True,
        )

    def start_over(self) -> None:
        """Forget what a forked parent has not exported yet: it will do so itself."""
        self._pending: list[MetricEntry] = []
        self._due_ns = self._clock.monotonic_ns() + self._interval_ns
        self._failing = False

    def put(self, entry: MetricEntry) -> None:
        """Buffer an entry; never blocks."""
        if not self._drain.put(entry):
            self._drop(1)

    def flush(self, timeout_s: float) -> bool:
        """Export what is here; False if that failed or took longer."""
        self._due_ns = 0
        return self._drain.flush(timeout_s) and not self._pending

    def close(self, timeout_s: float) -> None:
        """Flush, stop, and drop what could not be exported."""
        self._due_ns = 0
        left = len(self._drain.close(timeout_s)) + len(self._pending)
        self._pending = []
        if left:
            self._drop(left)

    def _export(self, batch: list[MetricEntry]) -> None:
        # Runs on one thread at a time: the drain's, or that of whoever flushes.
        self._pending += batch
        over = len(self._pending) - self._limit
        if over > 0:
            del self._pending[:over]
            self._drop(over)
        now_ns = self._clock.monotonic_ns()
        early = now_ns < self._due_ns and (self._failing or len(self._pending) < _BATCH)
        if early or not self._pending:
            return
        try:
            _complete(self._exporter.export(tuple(self._pending)))
        except Exception as error:  # noqa: BLE001 - exporters are the user's own
            self._due_ns = now_ns + self._retry_delay_ns
            if not self._failing:
                self._failing = True
                _log.warning(
                    "the metrics exporter %s failed: %s: %s; it is tried again, the others go on",
                    self._exporter.name, type(error).__name__, error,
                )  # fmt: skip
        else:
            self._pending = []
            self._due_ns = now_ns + self._interval_ns
            self._failing = False

    def _drop(self, count: int) -> None:
        self.dropped += count
        if not self._said_full:
            self._said_full = True
            _log.error(
                "entries for the metrics exporter %s are dropped: its buffer of %d is full or it is closed",
                self._exporter.name, self._limit,
            )  # fmt: skip


def _complete(result: Any) -> None:  # Any: what `export` returned, awaitable or not
    """Wait for an asynchronous export; in a thread of its own where an event loop already runs in this one."""
    if not inspect.isawaitable(result):
        return
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(_awaited(result))
        return
    failures: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(_awaited(result))
        except Exception as error:  # noqa: BLE001 - handed to the caller below
            failures.append(error)

    thread = threading.Thread(target=run, name="otelkit-metrics-export", daemon=True)
    start(thread)
    thread.join()
    if failures:
        raise failures[0]


async def _awaited(result: Any) -> None:  # Any: any awaitable
    await result
