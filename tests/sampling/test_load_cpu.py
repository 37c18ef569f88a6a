"""The part of its CPU time that a process uses."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from otelkit.sampling.load_cpu import ProcessCpu, usable_cpus
from otelkit.testing import FakeClock
from tests.forking import in_child


class Used:
    """CPU time as told."""

    ns = 0

    def __call__(self) -> int:
        return self.ns


@pytest.mark.parametrize(
    ("cpus", "used_s", "load"), [(1.0, 0.5, 0.5), (2.0, 1.0, 0.5), (0.5, 0.5, 1.0), (4.0, 8.0, 1.0)]
)
def test_it_is_what_was_used_of_what_there_was(cpus: float, used_s: float, load: float) -> None:
    """In a second, on so many CPUs; never above 1."""
    clock, used = FakeClock(), Used()
    reading = ProcessCpu(cpus, clock, used)
    clock.advance(1)
    used.ns += int(used_s * 1e9)

    assert reading() == load


def test_it_is_of_the_time_since_the_last_reading() -> None:
    """And a reading right after another says the same again."""
    clock, used = FakeClock(), Used()
    reading = ProcessCpu(1.0, clock, used)
    clock.advance(1)
    used.ns = int(0.9e9)
    busy = reading()
    clock.advance(0.001)
    again = reading()
    clock.advance(1)
    idle = reading()

    assert (busy, again, idle) == (0.9, 0.9, 0.0)


def test_a_child_does_not_count_its_parents_time() -> None:
    """The CPU time of a process starts at 0 with it."""
    reading = ProcessCpu(1.0)
    burn_until = time.process_time() + 0.1
    while time.process_time() < burn_until:
        pass

    assert in_child(lambda: reading._before_ns < 90_000_000) is True


@pytest.mark.parametrize(
    ("files", "cpus"),
    [
        ({"cpu.max": "50000 100000\n"}, 0.5),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "garbage"}, None),
        ({"cpu/cpu.cfs_quota_us": "25000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 0.25),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({}, None),
    ],
)
def test_a_containers_quota_counts(files: dict[str, str], cpus: float | None, tmp_path: Path) -> None:
    """Of either version of control groups; where there is none, all CPUs that it may run on."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    everywhere = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)

    assert usable_cpus(tmp_path) == (cpus if cpus is not None else everywhere)
