"""Where the time at watched queues is recorded, once metrics are on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otelkit.stages.stage_times import StageTimes

if TYPE_CHECKING:
    from opentelemetry.metrics import Histogram

wait: Histogram | None = None
"""Of each item that was handed over; None where metrics are off."""

times = StageTimes()
"""Of the stages of this process."""
