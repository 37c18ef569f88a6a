"""What is known of each stage's calls in this process: running, ended, busy, items."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Final

from opentelemetry.metrics import Observation

from otelkit import names
from otelkit._clock import Clock
from otelkit.model.calls import AttributeValue, StageCall

_MAX_STAGES: Final = 2000
"""Stages kept apart; OpenTelemetry's own default limit of attribute sets per metric."""
_MAX_ERROR_TYPES: Final = 100
"""Error types kept apart in one stage."""
_MIN_WINDOW_NS: Final = 50_000_000
"""Shortest time over which a share of wall time is computed: two readers that collect at once get the same answer."""


class StageBook:
    """The account of one stage. Thread-safe, and reentrant: a collected generator may end a call at any moment."""

    __slots__ = (
        "_ended_ns",
        "_errors",
        "_failed",
        "_lock",
        "_ok",
        "_read_busy_ns",
        "_running",
        "_skipped",
        "_starts_ns",
        "attributes",
        "busy_share",
        "item_attributes",
    )

    def __init__(self, attributes: Mapping[str, AttributeValue]) -> None:
        self.attributes = attributes
        """Of calls that went well; shared, never changed."""
        self.item_attributes = tuple(
            {**attributes, names.ITEM_OUTCOME: outcome} for outcome in ("ok", "failed", "skipped")
        )
        # By identity: the call's own start is set after its observers have seen it.
        self._running: dict[int, int] = {}
        self._errors: dict[str, Mapping[str, AttributeValue]] = {}
        self._lock = threading.RLock()
        self._starts_ns = 0
        self._ended_ns = 0
        self._ok = self._failed = self._skipped = 0
        self._read_busy_ns = 0
        self.busy_share = 0.0
        """As last read; 2.0 means that two workers were never idle."""

    def open(self, call: StageCall, now_ns: int) -> None:
        """Count a call that starts."""
        with self._lock:
            self._running[id(call)] = now_ns
            self._starts_ns += now_ns

    def close(self, call: StageCall) -> bool:
        """Count a call that has ended; False if it never started here: a forked parent's call counts in the parent."""
        with self._lock:
            started_ns = self._running.pop(id(call), None)
            if started_ns is None:
                return False
            self._starts_ns -= started_ns
            self._ended_ns += call.duration_ns
            self._ok += call.items_ok
            self._failed += call.items_failed
            self._skipped += call.items_skipped
            return True

    @property
    def running(self) -> int:
        """Calls running now."""
        return len(self._running)

    def attributes_for(self, error_type: str | None) -> Mapping[str, AttributeValue]:
        """Return the attributes of a call that ended with ``error_type``; None: without an error."""
        if error_type is None:
            return self.attributes
        known = self._errors.get(error_type)
        if known is None:
            if len(self._errors) >= _MAX_ERROR_TYPES:
                error_type = names.ERROR_TYPE_OTHER
            known = self._errors.setdefault(error_type, {**self.attributes, names.ERROR_TYPE: error_type})
        return known

    def items(self) -> tuple[int, int, int]:
        """Return the items handled so far: ok, failed, skipped."""
        with self._lock:
            return self._ok, self._failed, self._skipped

    def share(self, now_ns: int, window_ns: int) -> float:
        """Return the share of the last ``window_ns`` in which calls ran, summed over workers; the next window starts now."""
        with self._lock:
            # All time ever spent in calls. The sum of `now - start` over running calls needs no list of them.
            busy_ns = self._ended_ns + self.running * now_ns - self._starts_ns
            self.busy_share = max(0.0, (busy_ns - self._read_busy_ns) / window_ns)
            self._read_busy_ns = busy_ns
            return self.busy_share


class StageBooks:
    """The books of all stages since one moment. Made anew in a forked child, whose calls are its own."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._read_at_ns = clock.monotonic_ns()
        self._books: dict[tuple[str, str], StageBook] = {}
        self._lock = threading.RLock()

    def book_of(self, call: StageCall) -> StageBook:
        """Return the book for a call."""
        key = (call.pipeline, call.stage.name)
        return self._books.get(key) or self._new_book(key)

    def open(self, call: StageCall) -> None:
        """Count a call that starts."""
        self.book_of(call).open(call, self._clock.monotonic_ns())

    def _new_book(self, key: tuple[str, str]) -> StageBook:
        attributes: dict[str, AttributeValue] = {names.PIPELINE_NAME: key[0], names.STAGE_NAME: key[1]}
        with self._lock:
            if len(self._books) >= _MAX_STAGES and key not in self._books:
                # Names made up at run time must not fill the memory; what they count stays in the totals.
                key, attributes = ("", ""), {names.METRIC_OVERFLOW: True}
            return self._books.setdefault(key, StageBook(attributes))

    def active(self) -> Iterator[Observation]:
        """Yield the calls running now, by stage."""
        for book in list(self._books.values()):
            yield Observation(book.running, book.attributes)

    def items(self) -> Iterator[Observation]:
        """Yield the items handled so far, by stage and outcome; outcomes that never happened are left out."""
        for book in list(self._books.values()):
            for count, attributes in zip(book.items(), book.item_attributes, strict=True):
                if count:
                    yield Observation(count, attributes)

    def busy(self) -> Iterator[Observation]:
        """Yield the share of wall time since the last reading in which a stage ran, summed over its workers, by stage.

        A call that still runs counts up to now.
        """
        with self._lock:
            now_ns = self._clock.monotonic_ns()
            window_ns = now_ns - self._read_at_ns
            books = list(self._books.values())
            if window_ns >= _MIN_WINDOW_NS:
                self._read_at_ns = now_ns
                for book in books:
                    book.share(now_ns, window_ns)
        for book in books:
            yield Observation(book.busy_share, book.attributes)
