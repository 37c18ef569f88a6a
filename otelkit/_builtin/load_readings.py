"""What the load of this process is measured by."""

from __future__ import annotations

from typing import Final

from otelkit._builtin.queue_fill import fullest_queue
from otelkit.sampling.load import Load, Reading
from otelkit.sampling.load_cpu import ProcessCpu, usable_cpus
from otelkit.sampling.load_event_loop import EventLoopLag
from otelkit.settings import Settings

LIMIT: Final = "sampling_load_limit"


def load_from(settings: Settings) -> Load:
    """Return the load of this process, by its CPU time, the lag of its event loops and its watched queues."""
    readings: dict[str, Reading] = {
        "cpu": ProcessCpu(usable_cpus()),
        "event loop": EventLoopLag(),
        "queues": fullest_queue,
    }
    return Load(settings.number(LIMIT), readings)
