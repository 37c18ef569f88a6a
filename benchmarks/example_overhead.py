"""What otelkit adds to a real program: the syntax pipeline with and without it."""

from __future__ import annotations

import os
import re
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.harness import Contest, Figures, alternate
from benchmarks.programs import Ran, environment, run
from benchmarks.report import Cell, Column, Goal, Report
from benchmarks.sink import running, take_counts

EXAMPLE = Path(__file__).parents[1] / "examples" / "syntax_pipeline"

COPIES = 4
"""Of the standard library, so that a run takes a good part of a minute and its start does not hide the rest."""

START_FILES = 4
"""Enough for every worker to be started, few enough to take no time themselves."""

PLAIN = "plain"
CONFIGURED = "plain, instrumented"
DECORATED = "decorated"
DECORATED_CONFIGURED = "decorated, instrumented"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to run the example."""

    folder: str
    """Below the example's."""
    instrumented: bool
    root_spans: int = 0
    """Spans that belong to no file: the run's and the discovery's."""


WAYS = {
    PLAIN: Way(".", False),
    CONFIGURED: Way(".", True, root_spans=1),
    DECORATED: Way("decorated", False),
    DECORATED_CONFIGURED: Way("decorated", True, root_spans=2),
}


def measure(quick: bool) -> Report:
    """Measure wall and CPU time of whole runs, and of the same runs without their start and end."""
    with running() as url, tempfile.TemporaryDirectory(prefix="otelkit-bench-") as scratch:
        shutil.copytree(EXAMPLE, Path(scratch, "example"))
        arguments = ["--limit", "300"] if quick else [str(sources(Path(scratch, "sources")))]
        contest = alternate(
            {name: partial(turn, way, url, Path(scratch), arguments) for name, way in WAYS.items()},
            rounds=3 if quick else 4,
            warm_up=1,
        )
    return Report(
        "example_overhead",
        "The syntax pipeline with and without otelkit",
        (
            Column("program"),
            Column("best wall s"),
            Column("median wall s"),
            Column("more", "{:+.1%}"),
            Column("best CPU s"),
            Column("median CPU s"),
            Column("more", "{:+.1%}"),
            Column("start CPU s"),
            Column("more without start", "{:+.1%}"),
            Column("from", "{:+.1%}"),
            Column("to", "{:+.1%}"),
            Column("files/min", "{:,.0f}"),
            Column("peak MB", "{:.0f}"),
        ),
        [row(name, contest) for name in WAYS],
        goals=goals(contest),
        notes=(
            "CPU is that of the program's own processes, workers included. `more` compares with `plain` of the same round;",
            "start is what a run over a handful of files takes; from and to bound the median of what is added without it.",
            "Instrumented runs use opentelemetry-instrument and send to an OTLP server in another process, on the same",
            "processors; every span was checked to arrive.",
        ),
        ratios={
            f"CPU, {way}, beside {PLAIN}": contest.ratio(way, PLAIN, "cpu_s")
            for way in (CONFIGURED, DECORATED_CONFIGURED)
        },
        contest=contest,
    )


def sources(folder: Path) -> Path:
    """Fill a folder with copies of the standard library and return it."""
    library = Path(sysconfig.get_path("stdlib"))
    for number in range(COPIES):
        for place, folders, names in os.walk(library):
            folders[:] = [name for name in folders if name not in ("site-packages", "__pycache__")]
            copy = folder / str(number) / Path(place).relative_to(library)
            copy.mkdir(parents=True)
            for name in names:
                if name.endswith(".py"):
                    shutil.copyfile(Path(place, name), copy / name)
    return folder


def turn(way: Way, url: str, scratch: Path, arguments: list[str]) -> Figures:
    """Run the example over a few files, then over all, and return both runs' figures.

    Raises:
        RuntimeError: A run failed, or fewer or more spans arrived than it made.
    """
    start = one_run(way, url, scratch, ["--limit", str(START_FILES)])
    whole = one_run(way, url, scratch, arguments)
    files, stored, seconds, rate = result(whole.output)
    if way.instrumented:
        spans, expected = take_counts(url)["spans"], way.root_spans + expected_spans(files, stored)
        if spans != expected:
            raise RuntimeError(
                f"{spans} spans arrived, {expected} were expected of {files} files, {stored} of them stored"
            )
    return {
        "wall_s": whole.wall_s,
        "cpu_s": whole.cpu_s,
        "start_wall_s": start.wall_s,
        "start_cpu_s": start.cpu_s,
        "work_wall_s": whole.wall_s - start.wall_s,
        "work_cpu_s": whole.cpu_s - start.cpu_s,
        "pipeline_s": seconds,
        "minutes_per_file": 1 / rate,
        "peak_mb": whole.peak_bytes / 1e6,
    }


def one_run(way: Way, url: str, scratch: Path, arguments: list[str]) -> Ran:
    """Run one version with a fresh database; what the sink has counted then is of this run alone."""
    (scratch / "syntax.db").unlink(missing_ok=True)
    program = [sys.executable, "pipeline.py", "--db", str(scratch / "syntax.db"), *arguments]
    variables: Mapping[str, str] = {}
    if way.instrumented:
        take_counts(url)
        program = [str(Path(sys.executable).with_name("opentelemetry-instrument")), *program]
        # No instrumentations but otelkit: what the database driver's or another one costs is not ours to measure.
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*"}
    return run(program, environment(**variables), scratch / "example" / way.folder)


def result(output: str) -> tuple[int, int, float, float]:
    """Return files, stored files, seconds and files per minute from the program's result line."""
    found = re.search(r"(\d+) files: (\d+) stored, \d+ failed; ([\d.]+) s, (\d+) files/min", output)
    if found is None:
        raise RuntimeError(f"the example printed no result: {output!r}")
    return int(found[1]), int(found[2]), float(found[3]), float(found[4])


def expected_spans(files: int, stored: int) -> int:
    """Return the spans of all items: analyse, read and parse for each file, extract and store for those that parse."""
    return 3 * files + 2 * stored


def row(name: str, contest: Contest) -> list[Cell]:
    def more(figure: str) -> float | None:
        return None if name == PLAIN else contest.more(name, PLAIN, figure)

    work = None if name == PLAIN else contest.ratio(name, PLAIN, "work_cpu_s")
    return [
        name,
        contest.best(name, "wall_s"),
        contest.median(name, "wall_s"),
        more("wall_s"),
        contest.best(name, "cpu_s"),
        contest.median(name, "cpu_s"),
        more("cpu_s"),
        contest.median(name, "start_cpu_s"),
        *((None, None, None) if work is None else (work.value - 1, work.low - 1, work.high - 1)),
        1 / contest.best(name, "minutes_per_file"),
        contest.median(name, "peak_mb"),
    ]


def goals(contest: Contest) -> list[Goal]:
    """Return what is added at 10,000 files a minute and more; the start is paid once, however long the program runs."""
    return [
        Goal("CPU time added, without start", 100 * contest.more(CONFIGURED, PLAIN, "work_cpu_s"), 1, "%"),
        Goal(
            "CPU time added, decorated, without start",
            100 * contest.more(DECORATED_CONFIGURED, PLAIN, "work_cpu_s"),
            1,
            "%",
        ),
        Goal("wall time added", 100 * contest.more(CONFIGURED, PLAIN, "wall_s"), 5, "%"),
        Goal("CPU time added", 100 * contest.more(CONFIGURED, PLAIN, "cpu_s"), 5, "%"),
        Goal(
            "throughput, instrumented",
            1 / contest.best(CONFIGURED, "minutes_per_file"),
            10_000,
            "files/min",
            at_least=True,
        ),
    ]
