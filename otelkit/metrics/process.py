"""What this process takes, from the operating system and without further libraries."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from otelkit import names

_PROC: Final = Path("/proc/self")


def observe_process(meter: Meter) -> None:
    """Report processor time, memory in RAM, threads and open file descriptors of this process, whenever metrics are collected.

    What the operating system does not tell (memory and descriptors, where there is no ``/proc``) is left out, never guessed.
    """
    meter.create_observable_counter(
        names.METRIC_PROCESS_CPU, [_guarded(_cpu)], "s", names.meaning_of(names.METRIC_PROCESS_CPU)
    )
    for name, unit, source in (
        (names.METRIC_PROCESS_MEMORY, "By", _memory),
        (names.METRIC_PROCESS_THREADS, "{thread}", _threads),
        (names.METRIC_PROCESS_FILES, "{file_descriptor}", _files),
    ):
        meter.create_observable_up_down_counter(name, [_guarded(source)], unit, names.meaning_of(name))


def _guarded(
    source: Callable[[], Iterable[Observation]],
) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def read(_options: CallbackOptions) -> Iterable[Observation]:
        try:
            return list(source())
        except (OSError, ValueError, IndexError):
            return ()

    return read


def _cpu() -> Iterable[Observation]:
    times = os.times()
    yield Observation(times.user, {names.LABEL_CPU_MODE: "user"})
    yield Observation(times.system, {names.LABEL_CPU_MODE: "system"})


def _memory() -> Iterable[Observation]:
    resident_pages = int((_PROC / "statm").read_text().split()[1])
    yield Observation(resident_pages * os.sysconf("SC_PAGE_SIZE"))


def _threads() -> Iterable[Observation]:
    tasks = _PROC / "task"
    # Threads that Python did not start (numpy's, grpc's) count too, where the system lists them.
    yield Observation(sum(1 for _ in tasks.iterdir()) if tasks.is_dir() else threading.active_count())


def _files() -> Iterable[Observation]:
    yield Observation(sum(1 for _ in (_PROC / "fd").iterdir()))
