"""The way of a log record from the SDK to the exporters: one bounded buffer, one background thread."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from opentelemetry.context import Context
from opentelemetry.sdk._logs import LogRecordProcessor, ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk.resources import Resource

from otelkit._drain import Drain
from otelkit.logs.correlation import strip_ids
from otelkit.model.signals import Account, Loss

if TYPE_CHECKING:
    from otelkit.logs.sampling import LogSampling


class BufferedLogProcessor(LogRecordProcessor):
    """Buffers records and hands them to ``deliver`` in batches; what finds the buffer full is counted as lost.

    Args:
        deliver: Sends a batch; must not raise.
        account: Where created and lost records are counted.
        limit: Most records held, >= 1.
        batch: Most records handed over at once.
        delay_s: Longest time a record waits.
        help_at: When so many wait, whoever logs hands over a batch itself. Only where ``deliver`` never waits. None: never.
        sampling: Leaves some records out, which are counted as dropped on purpose; None: none is.
    """

    def __init__(
        self,
        deliver: Callable[[Sequence[ReadableLogRecord]], None],
        account: Account,
        *,
        limit: int,
        batch: int,
        delay_s: float,
        help_at: int | None = None,
        sampling: LogSampling | None = None,
    ) -> None:
        self._account = account
        self._sampling = sampling
        self._drain: Drain[ReadableLogRecord] = Drain(
            "otelkit-logs", deliver, limit=limit, batch=batch, delay_s=delay_s, relieve_at=help_at
        )

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Take a record; waits for 0.1 s at most, and only while more are made than can be written."""
        sampling = self._sampling
        sampled = sampling is not None and sampling.concerns(log_record.log_record)
        if sampling is not None and sampled and not sampling.keeps(log_record.log_record):
            self._account.created("logs")
            self._account.dropped("logs", 1)
            return
        strip_ids(log_record.log_record)
        # A copy, because the SDK lets later processors change the record; without its context, which may hold a lot alive.
        record = copy.copy(log_record.log_record)
        record.context = Context()
        if sampling is not None and sampled:
            sampling.mark(record)
        readable = ReadableLogRecord(
            log_record=record,
            resource=log_record.resource or Resource.get_empty(),
            instrumentation_scope=log_record.instrumentation_scope,
            limits=log_record.limits,
        )
        self._account.created("logs")
        if not self._drain.put(readable):
            self._account.lost("logs", 1, Loss.AFTER_SHUTDOWN if self._drain.closed else Loss.BUFFER_FULL)

    def pending(self) -> int:
        """Return how many records wait."""
        return len(self._drain)

    @property
    def idle(self) -> bool:
        """Whether every record has been handed over."""
        return self._drain.idle

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Hand over what is here; False if that took longer."""
        return self._drain.flush(timeout_millis / 1000)

    def shutdown(self) -> None:
        """Hand over what is here and stop."""
        self.close(30.0)

    def close(self, timeout_s: float) -> None:
        """Hand over what is here within the time given and stop; what there was no time for is counted as lost."""
        left = self._drain.close(timeout_s)
        if left:
            self._account.lost("logs", len(left), Loss.EXIT_LIMIT)
