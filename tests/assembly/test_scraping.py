"""``/metrics`` of a program that is run by ``opentelemetry-instrument``."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.programs import instrument, write

PROGRAM = """
    import os, sys, urllib.request
    import otelkit
    from otelkit.metrics import bound_metrics

    @otelkit.stage("parse", pipeline="p")
    def parse(path):
        return len(path)

    files = bound_metrics("app").counter("files")
    for number in range(10):
        parse("x" * number)
        files.add()
    request = urllib.request.Request(
        f"http://127.0.0.1:{os.environ['OTEL_PYTHON_OTELKIT_METRICS_PORT']}/metrics",
        headers={"Accept": "application/openmetrics-text"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        text = response.read().decode()
    for line in text.splitlines():
        if line.startswith(("pipeline_stage_duration_seconds_count", "pipeline_stage_items_total", "files_total")):
            print(line.split("{")[0], line.rsplit("}", 1)[1].split()[0])
    print("trace_id=" in text, text.endswith("# EOF\\n"))
"""
TOLD = ["True True", "files_total 10", "pipeline_stage_duration_seconds_count 10", "pipeline_stage_items_total 10"]


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number: int = free.getsockname()[1]
        return number


def run(folder: Path, program: str, port: int, **env: str) -> tuple[int, str, list[str]]:
    write(folder, "app.py", program)
    env = {
        "OTEL_TRACES_EXPORTER": "none",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_PYTHON_OTELKIT_METRICS_PORT": str(port),
    } | env
    done = instrument(folder, "python", "app.py", **env)
    return done.returncode, done.stderr, sorted(done.stdout.splitlines())


@pytest.mark.sdk
def test_a_program_serves_its_stages_and_its_own_metrics(tmp_path: Path, port: int) -> None:
    """Every call that has ended is in the next scrape, with a trace behind it."""
    assert run(tmp_path, PROGRAM, port) == (0, "", TOLD)


def test_the_programs_that_it_starts_leave_the_port_to_it(tmp_path: Path, port: int) -> None:
    """A process of the same tree, which has the same settings, neither takes the port nor complains."""
    more = '\n    import subprocess\n    subprocess.run(["opentelemetry-instrument", "python", "-c", "print(1)"], check=True)\n'

    assert run(tmp_path, PROGRAM.rstrip() + more, port) == (0, "", sorted([*TOLD, "1"]))


def test_without_a_port_nothing_is_served(tmp_path: Path) -> None:
    """Off by default: not even what would serve is imported."""
    write(tmp_path, "app.py", 'import sys; print("otelkit.metrics.scrape_server" in sys.modules)')
    done = instrument(tmp_path, "python", "app.py", OTEL_METRICS_EXPORTER="none", OTEL_TRACES_EXPORTER="none")

    assert (done.returncode, done.stdout) == (0, "False\n")
