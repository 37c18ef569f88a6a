"""What ``opentelemetry-instrument`` adds to a program that does nothing, with otelkit and without."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from benchmarks.harness import Figures, alternate
from benchmarks.programs import environment, run
from benchmarks.report import Column, Goal, Report
from benchmarks.sink import running
from benchmarks.twin_environment import twin

PYTHON = "python"
UNCONFIGURED = "opentelemetry-instrument, nothing configured"
STOCK = "opentelemetry-instrument, stock SDK"
OURS = "opentelemetry-instrument, otelkit"
DECORATED = "python, one stage, not configured"
NOTHING = "pass"


def measure(quick: bool) -> Report:
    """Measure whole processes, in turns: import, start, and an end with nothing but the run itself to send."""
    with running() as url, tempfile.TemporaryDirectory(prefix="otelkit-bench-") as scratch:
        folder = Path(scratch)
        ways = prepared(folder, url)
        contest = alternate(
            {
                name: partial(turn, command, environment(**variables), folder)
                for name, (command, variables) in ways.items()
            },
            rounds=5 if quick else 25,
        )
    return Report(
        "program_start",
        "The start and end of a program that does nothing",
        (
            Column("program"),
            Column("best ms", "{:.0f}"),
            Column("median ms", "{:.0f}"),
            Column("above python", "{:+.0f}"),
            Column("median CPU ms", "{:.0f}"),
            Column("above python", "{:+.0f}"),
        ),
        [
            (
                name,
                contest.best(name, "wall_ms"),
                contest.median(name, "wall_ms"),
                contest.above(name, PYTHON, "wall_ms"),
                contest.median(name, "cpu_ms"),
                contest.above(name, PYTHON, "cpu_ms"),
            )
            for name in ways
        ],
        goals=(
            Goal("otelkit above the stock SDK", contest.above(OURS, STOCK, "wall_ms"), 60, "ms"),
            Goal("otelkit above an unconfigured start", contest.above(OURS, UNCONFIGURED, "wall_ms"), 60, "ms"),
        ),
        ratios={
            "start and end, beside the stock SDK": contest.ratio(OURS, STOCK, "wall_ms"),
            "one stage that is not configured, beside bare Python": contest.ratio(DECORATED, PYTHON, "wall_ms"),
        },
        notes=(
            "The whole process, from its start until it is gone, so what is sent at the end is in it. Both SDKs export",
            "traces, metrics and logs over OTLP/HTTP to a sink; no instrumentation of a library is loaded. Where it is not",
            "named, otelkit is not installed.",
        ),
        contest=contest,
    )


def prepared(folder: Path, url: str) -> dict[str, tuple[list[str], dict[str, str]]]:
    """Return the command and the variables of each way, by name; what they need is made in the folder."""
    ours = twin(folder / "ours", otelkit=True)
    nobodys = twin(folder / "nobodys", otelkit=False)
    stock = twin(folder / "stock", otelkit=False, stock_sdk=True)
    exporting = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*",
    }

    def instrumented(commands: Path) -> tuple[list[str], dict[str, str]]:
        return [str(commands / "opentelemetry-instrument"), str(commands / "python"), "-c", NOTHING], exporting

    return {
        PYTHON: ([str(ours / "python"), "-c", NOTHING], {}),
        DECORATED: (
            [str(ours / "python"), "-c", "import otelkit\n@otelkit.stage\ndef parse(path): pass\nparse(1)"],
            {},
        ),
        UNCONFIGURED: instrumented(nobodys),
        STOCK: instrumented(stock),
        OURS: instrumented(ours),
    }


def turn(command: list[str], env: dict[str, str], folder: Path) -> Figures:
    """Run a command and return ``wall_ms`` and ``cpu_ms`` of its process."""
    ran = run(command, env, folder)
    return {"wall_ms": ran.wall_s * 1000, "cpu_ms": ran.cpu_s * 1000}
