"""How much of the CPU time that there is for it the process uses."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from otelkit._clock import SYSTEM_CLOCK, Clock
from otelkit._guard import in_forked_child

_SHORTEST_NS: Final = 50_000_000
"""Over less than this a reading says nothing: CPU time is accounted for in steps of up to 10 ms."""
_CGROUP: Final = Path("/sys/fs/cgroup")


class ProcessCpu:
    """Reads which part of the CPU time that it could have had the process has used since the last reading, 0 to 1.

    Its threads count, its children do not.

    Args:
        cpus: What it could have, in CPUs; above 0.
        clock: Measures the time between readings.
        used_ns: Returns the CPU time used so far.
    """

    def __init__(
        self, cpus: float, clock: Clock = SYSTEM_CLOCK, used_ns: Callable[[], int] = time.process_time_ns
    ) -> None:
        self._cpus = cpus
        self._now_ns = clock.monotonic_ns
        self._used_ns = used_ns
        self._last = 0.0
        self._restart()
        in_forked_child(self._restart)

    def _restart(self) -> None:
        self._since_ns, self._before_ns = self._now_ns(), self._used_ns()

    def __call__(self) -> float:
        passed_ns = self._now_ns() - self._since_ns
        if passed_ns >= _SHORTEST_NS:
            self._last = min(1.0, (self._used_ns() - self._before_ns) / passed_ns / self._cpus)
            self._restart()
        return self._last


def usable_cpus(cgroup: Path = _CGROUP) -> float:
    """Return how many CPUs this process may use: those it may run on, within the quota of its container.

    Source: Linux, "Control Group v2", ``cpu.max``, and of version 1 ``cpu.cfs_quota_us``.
    """
    # What Python 3.13 says by itself (`os.process_cpu_count`) knows no quota.
    cpus = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    quota = _quota(cgroup)
    return min(cpus, quota) if quota is not None else cpus


def _quota(cgroup: Path) -> float | None:
    for files in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        with suppress(OSError, ValueError):
            quota, period = " ".join((cgroup / file).read_text(encoding="ascii") for file in files).split()
            # `max`, which is no number, and -1: no quota.
            if int(quota) > 0 and int(period) > 0:
                return int(quota) / int(period)
    return None
