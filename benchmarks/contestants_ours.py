"""otelkit as ``configure`` installs it, with all that a stage records, sending to a sink."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.contestants import FLUSH_S, Arrived, Contestant, not_sampled, work

OURS = "otelkit stage"
OURS_DESCRIBED = "otelkit stage with an item and two arguments"
OURS_NOT_SAMPLED = "otelkit stage, not sampled"
PASSED_THROUGH = "otelkit stage, not configured"


def configured(url: str, scratch: Path) -> None:
    """Install otelkit in this process, for good: spans and metrics go to the sink, a spool would lie in ``scratch``."""
    import otelkit

    os.environ.update(
        OTEL_EXPORTER_OTLP_ENDPOINT=url,
        OTEL_LOGS_EXPORTER="none",
        # Sent when a turn is flushed, never in the middle of somebody else's.
        OTEL_METRIC_EXPORT_INTERVAL="3600000",
    )
    otelkit.configure(stages=[], log_correlation=False, store_dir=str(scratch))


def ours(url: str, scratch: Path, arrived: Arrived) -> dict[str, Contestant]:
    """Return a stage that was never configured, one that is not sampled, and two that are recorded and sent."""
    import otelkit

    configured(url, scratch)
    stage = otelkit.stage("work", pipeline="benchmark")(work)

    @otelkit.stage("described", pipeline="benchmark", item="path")
    def described(path: str, codec: str, rate: int) -> int:
        return len(path)

    def flush() -> object:
        return otelkit.flush(FLUSH_S)

    return {
        PASSED_THROUGH: Contestant(stage, around=not_configured),
        OURS_NOT_SAMPLED: Contestant(stage, flush, arrived, around=not_sampled),
        OURS: Contestant(stage, flush, arrived, makes_spans=True),
        OURS_DESCRIBED: Contestant(lambda path: described(path, "flac", 48_000), flush, arrived, makes_spans=True),
    }


@contextmanager
def not_configured() -> Iterator[None]:
    """Take otelkit's runtime away for a while: the state of a program that decorates and never configures."""
    from otelkit import _current

    runtime, _current.runtime = _current.runtime, None
    try:
        yield
    finally:
        _current.runtime = runtime
