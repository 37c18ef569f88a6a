"""Running a program and measuring it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.programs import environment, run

BURN = "t = __import__('time').process_time; e = t() + 0.2\nwhile t() < e: pass"


def test_cpu_time_of_children_counts(tmp_path: Path) -> None:
    """What a child process of the program burns is the program's."""
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN!r}])"
    ran = run([sys.executable, "-c", script], environment(), tmp_path)

    assert ran.cpu_s >= 0.2
    assert ran.wall_s >= 0.2
    assert ran.peak_bytes > 1_000_000


def test_the_output_is_kept(tmp_path: Path) -> None:
    """What the program prints is returned; it runs in the folder it was given."""
    ran = run([sys.executable, "-c", "import os; print(os.getcwd())"], environment(), tmp_path)

    assert ran.output == f"{tmp_path.resolve()}\n"


def test_a_failing_program_is_no_measurement(tmp_path: Path) -> None:
    """A program that ends with an error is reported with what it said."""
    with pytest.raises(RuntimeError, match=r"ended with 3:\nwhy it failed"):
        run(
            [sys.executable, "-c", "import sys; print('why it failed', file=sys.stderr); sys.exit(3)"],
            environment(),
            tmp_path,
        )


def test_the_environment_has_no_telemetry_but_what_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller's own OpenTelemetry settings do not reach what is measured."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    monkeypatch.setenv("TRACEPARENT", "00-1-1-01")
    monkeypatch.setenv("KEPT", "yes")
    found = environment(OTEL_SERVICE_NAME="example")

    assert {name: value for name, value in found.items() if name.startswith(("OTEL", "TRACE", "KEPT"))} == {
        "KEPT": "yes",
        "OTEL_SERVICE_NAME": "example",
    }
