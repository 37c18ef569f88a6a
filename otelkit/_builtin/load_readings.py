"""What the load of this process is measured by."""

from __future__ import annotations

from typing import Final

from otelkit._builtin.queue_fill import fullest_queue
from otelkit.sampling.load import Load, Reading
from otelkit.sampling.load_cpu import ProcessCpu, usable_cpus
from otelkit.sampling.load_event_loop import EventLoopLag
from otelkit.settings import Settings

LIMIT: Final = "sampling_load_limit"


def load_from(settings: Settings, *, in_loops: bool) -> Load:
    """Return the load of this process, by its CPU time, its watched queues and the lag of its event loops.

    Args:
        settings: In force.
        in_loops: Whether it is measured where the program's work is done, by a sampler that decides as traces start. Loops
            are met there only; measured by otelkit's own thread, in which none runs, their lag would always be 0, and is left
            out.
    """
    readings: dict[str, Reading] = {"cpu": ProcessCpu(usable_cpus()), "queues": fullest_queue}
    if in_loops:
        readings["event loop"] = EventLoopLag()
    return Load(settings.number(LIMIT), readings)
