"""How long the stage table takes to read, over a million spans."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.harness import Figures, alternate
from benchmarks.made_spans import RUN_ID, STAGES, requests
from benchmarks.report import Column, Goal, Report
from otelkit.embedded.store import SqliteReader, Store, open_reader
from otelkit.embedded.wire import Decoder

_MINUTES = 60
_GIB = 1 << 30
_SCAN = """
SELECT name, count(*), sum(bits & 3 = 2), avg(duration_ns) FROM span JOIN shape ON shape.id = span.shape
WHERE shape.run = (SELECT no FROM run WHERE id = ?) GROUP BY name
"""

TABLE = "stage table of the run"
BY_MINUTE = f"p50 and p95 of each stage in each of {_MINUTES} minutes"
RUNS = "list of runs"
TRACE = "one trace"
SCAN = "for comparison: count and mean from the spans themselves"


def measure(quick: bool) -> Report:
    """Measure what `otelkit top` and its like read, over 1,000,000 spans of one run of an hour."""
    count = 200_000 if quick else 1_000_000
    with tempfile.TemporaryDirectory(prefix="otelkit-bench-") as folder:
        path = Path(folder) / "telemetry.db"
        fill(path, count)
        reader = open_reader(path)
        scanner = sqlite3.connect(path)
        row = reader.run(RUN_ID)
        assert row is not None
        assert row.slowest is not None
        if sum(stage.calls for stage in row.stages) != count or len(row.stages) != len(STAGES):
            raise RuntimeError(f"the stage table shows other calls than the {count} that were made")
        slowest = row.slowest.trace_id
        questions: dict[str, Callable[[], object]] = {
            TABLE: lambda: reader.run(RUN_ID),
            BY_MINUTE: lambda: reader.minutes(RUN_ID),
            RUNS: reader.runs,
            TRACE: lambda: reader.trace(slowest),
            SCAN: lambda: scanner.execute(_SCAN, (RUN_ID,)).fetchall(),
        }
        contest = alternate(
            {
                **{name: partial(turn, ask) for name, ask in questions.items()},
                f"{TABLE}, opening the store": partial(cold, path),
            },
            rounds=5 if quick else 15,
        )
        reader.close()
        scanner.close()
        size = path.stat().st_size
    return Report(
        "stage_table",
        f"Reading a store of {count:,} spans",
        (Column("question"), Column("best ms"), Column("median ms")),
        [[name, contest.best(name, "ms"), contest.median(name, "ms")] for name in contest.turns],
        goals=(
            Goal("stage table", contest.median(TABLE, "ms"), 50, "ms"),
            Goal("p50 and p95 by minute", contest.median(BY_MINUTE, "ms"), 50, "ms"),
        ),
        notes=(
            f"One run of {_MINUTES} minutes and {len(STAGES)} stages, 3 unique attributes and {size / count:.0f} bytes a span.",
        ),
        contest=contest,
    )


def fill(path: Path, count: int) -> None:
    """Make the store."""
    decoder = Decoder()
    store = Store.open(path, max_bytes=_GIB, max_age_s=1e9)
    for body in requests(count, 3, lasts_s=_MINUTES * 60):
        store.write([decoder.decode("traces", body)])
    store.set_run(RUN_ID, state="ok")
    store.close()


def turn(ask: Callable[[], object]) -> Figures:
    began = time.perf_counter()
    ask()
    return {"ms": (time.perf_counter() - began) * 1e3}


def cold(path: Path) -> Figures:
    """Read the stage table as a command does that has just been started."""
    began = time.perf_counter()
    reader: SqliteReader = open_reader(path)
    reader.run(RUN_ID)
    reader.close()
    return {"ms": (time.perf_counter() - began) * 1e3}
