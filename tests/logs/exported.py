"""Log records of the stock SDK, kept in memory."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs import ReadableLogRecord as Exported
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor


class Exports:
    """A logger provider and what was sent to it."""

    def __init__(self) -> None:
        self._exporter = InMemoryLogRecordExporter()
        self.provider = LoggerProvider(shutdown_on_exit=False)
        self.provider.add_log_record_processor(SimpleLogRecordProcessor(self._exporter))

    def all(self) -> list[Exported]:
        """Everything so far, oldest first."""
        return list(self._exporter.get_finished_logs())

    def only(self) -> Exported:
        """The one record."""
        (record,) = self.all()
        return record

    def bodies(self) -> list[object]:
        """The messages so far."""
        return [record.log_record.body for record in self.all()]


@contextmanager
def bare_root(level: int = logging.WARNING) -> Iterator[logging.Logger]:
    """Give the block a root logger as in a fresh program: no handlers, this level; everything as before afterwards."""
    root = logging.getLogger()
    handlers, old_level = root.handlers[:], root.level
    root.handlers[:] = []
    root.setLevel(level)
    try:
        yield root
    finally:
        root.handlers[:] = handlers
        root.setLevel(old_level)
