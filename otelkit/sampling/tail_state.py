"""``tracestate`` of whole fragments, read and written once where all spans have the same one."""

from __future__ import annotations

from typing import Final

from opentelemetry.trace import TraceState

from otelkit.sampling import tracestate

_MOST: Final = 1024
"""Thresholds remembered; there are few, since 1/p is whole."""


class StateReader:
    """Tells randomness and threshold of a trace, and writes the threshold anew. For one thread at a time.

    Args:
        usual: What traces carry that start here: ``th:0``.
    """

    def __init__(self, usual: TraceState) -> None:
        self._usual = usual
        self._threshold: int | None = 0
        self._has_rv = False
        self._last: TraceState | None = usual
        self._written: dict[int, TraceState] = {0: usual}
        self._last_written: tuple[TraceState | None, int | None, TraceState | None] | None = None

    def threshold(self, state: TraceState | None) -> int | None:
        """Return the threshold at which the trace was kept so far; None: nobody tells."""
        if state is not self._last:
            self._read(state)
        return self._threshold

    def randomness(self, trace_id: int, state: TraceState | None) -> int:
        """Return R."""
        if state is not self._last:
            self._read(state)
        return tracestate.randomness(trace_id, state) if self._has_rv else trace_id & (tracestate.SCALE - 1)

    def with_threshold(self, state: TraceState | None, threshold: int | None) -> TraceState | None:
        """Return the state with another threshold; the same object for the same question, as far as it is remembered."""
        if state is self._usual and threshold is not None:
            written = self._written.get(threshold)
            if written is None:
                if len(self._written) >= _MOST:
                    self._written = {0: self._usual}
                written = self._written[threshold] = tracestate.with_threshold(state, threshold)
            return written
        last = self._last_written
        if last is not None and last[0] is state and last[1] == threshold:
            return last[2]
        if threshold is not None:
            made: TraceState | None = tracestate.with_threshold(state, threshold)
        elif state is not None and tracestate.has_threshold(state):
            made = tracestate.without_threshold(state)
        else:
            made = state
        self._last_written = (state, threshold, made)
        return made

    def _read(self, state: TraceState | None) -> None:
        self._threshold = tracestate.threshold_of(state)
        # Whether it is well-formed is asked of those few that have one.
        self._has_rv = bool(state) and "rv:" in (state.get(tracestate.VENDOR, "") if state else "")
        self._last = state
