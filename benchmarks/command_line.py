"""How long one waits for the command line to say something."""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.harness import Figures, alternate
from benchmarks.programs import environment, run
from benchmarks.report import Column, Goal, Report

PYTHON = "python -c pass"
HELP = "otelkit --help"

_OTELKIT = str(Path(sys.executable).with_name("otelkit"))
COMMANDS = {
    PYTHON: [sys.executable, "-c", "pass"],
    HELP: [_OTELKIT, "--help"],
    "otelkit --version": [_OTELKIT, "--version"],
    "otelkit top --help": [_OTELKIT, "top", "--help"],
    "otelkit plugins": [_OTELKIT, "plugins"],
}


def measure(quick: bool) -> Report:
    """Measure whole processes, in an empty folder."""
    with tempfile.TemporaryDirectory(prefix="otelkit-bench-") as folder:
        contest = alternate(
            {name: partial(turn, command, Path(folder)) for name, command in COMMANDS.items()},
            rounds=5 if quick else 20,
        )
    return Report(
        "command_line",
        "The command line's answers",
        (
            Column("command"),
            Column("best ms", "{:.0f}"),
            Column("median ms", "{:.0f}"),
            Column("median CPU ms", "{:.0f}"),
        ),
        [
            (name, contest.best(name, "wall_ms"), contest.median(name, "wall_ms"), contest.median(name, "cpu_ms"))
            for name in COMMANDS
        ],
        goals=(Goal(HELP, contest.median(HELP, "wall_ms"), 100, "ms"),),
        contest=contest,
    )


def turn(command: list[str], folder: Path) -> Figures:
    """Run a command and return ``wall_ms`` and ``cpu_ms`` of its process."""
    ran = run(command, environment(), folder)
    return {"wall_ms": ran.wall_s * 1000, "cpu_ms": ran.cpu_s * 1000}
