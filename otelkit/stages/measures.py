"""Where the time of stages and at watched queues is recorded."""

from __future__ import annotations

from otelkit.stages.stage_times import StageTimes

times = StageTimes()
"""Of this process; made anew where metrics are bound to instruments."""
