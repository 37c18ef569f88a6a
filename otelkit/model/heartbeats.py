"""What is said of a stage call that has been running for long."""

from __future__ import annotations

from typing import NamedTuple


class Heartbeat(NamedTuple):
    """One call, as it is while it runs. A tuple, since a data class is half a millisecond at the start of each program."""

    stage: str
    pipeline: str
    elapsed_s: float
    """Since the call began."""
    active: int
    """Calls of the stage that run in this process, this one included."""
    item: str | None = None
    """The item it handles now, if known."""
    items: tuple[int, int, int] = (0, 0, 0)
    """Items it has handled so far: ok, failed, skipped."""
    trace_id: int = 0
    """0: it has no trace."""
    span_id: int = 0
    """0: it has no span."""
    sampled: bool = False
    """Whether its span will be exported."""
    run_id: str | None = None
    run_done: int | None = None
    """Items that the run of its pipeline has handled so far; None: there is no `otelkit.run` of it in this process."""
    run_total: int | None = None
    """Items that the run expects to handle; None: unknown."""
