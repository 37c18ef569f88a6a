"""Export a share of the log records that say nothing is wrong."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from opentelemetry._logs import LogRecord

from otelkit import names

_FIRST: Final = 1
_WARN: Final = 13
"""OpenTelemetry's severity numbers: below `_FIRST` a record does not say how severe it is."""


class LogSampling:
    """Decides which log records below WARNING are exported; all others are, as are events, which have a name.

    Those of one trace leave together or not at all, and by the trace id, so that all services with the same share export the
    lines of the same traces, and `otelkit_ratio` with that share keeps those very traces. A record outside any trace is decided
    on by chance. Each that is exported says the share as `otelkit.sampling.rate`, so that lines can be counted back.

    Args:
        ratio: Share of records to export, 0 to 1.
        keeps: Whether the lines of the trace with this id are among them.
        chance: Draws a number from 0 to below 1 for a record without a trace.
    """

    def __init__(self, ratio: float, keeps: Callable[[int], bool], chance: Callable[[], float] = random.random) -> None:
        self._ratio = ratio
        self._keeps = keeps
        self._chance = chance

    def concerns(self, record: LogRecord) -> bool:
        """Return whether the record may be left out at all."""
        severity = record.severity_number
        return severity is not None and _FIRST <= severity.value < _WARN and not record.event_name

    def keeps(self, record: LogRecord) -> bool:
        """Return whether a record that may be left out is exported."""
        trace_id = record.trace_id
        return self._keeps(trace_id) if trace_id else self._chance() < self._ratio

    def mark(self, record: LogRecord) -> None:
        """Write down on a record that may have been left out how many it stands for."""
        record.attributes = {**(record.attributes or {}), names.SAMPLING_RATE: self._ratio}
