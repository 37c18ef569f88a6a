"""Runs a program and says what it took: its own processes, its children's, and nobody else's."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of a program."""

    wall_s: float
    """From the start of the process until it was gone."""
    cpu_s: float
    """User and system time of the process and of all the descendants it has waited for."""
    peak_bytes: int
    """Largest resident size of any one of them."""
    output: str


def run(command: Sequence[str | Path], env: Mapping[str, str], folder: Path) -> Ran:
    """Run a program to its end in a folder.

    Raises:
        RuntimeError: It ended with something other than 0; the message has the last lines of what it said.
    """
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, env=env, cwd=folder)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)  # `wait4` took the status that Popen would wait for
        output.seek(0)
        errors.seek(0)
        if process.returncode != 0:
            said = "".join(errors.readlines()[-20:])
            raise RuntimeError(f"{' '.join(map(str, command))} ended with {process.returncode}:\n{said}")
        return Ran(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, output.read())


def environment(**variables: str) -> dict[str, str]:
    """Return this process's environment without anything about telemetry but what is given."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "TRACEPARENT", "TRACESTATE"))
    }
    return {**kept, **variables}
