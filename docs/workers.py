"""The page of the matrix of workers, from the recorded results of its tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from tests.workers.matrix import COLUMNS, QUEUE_COLUMNS, QUEUES, WORKERS, Row
from tests.workers.results_files import HOLDS, Results, read_all

_NOTE: Final = "This page is generated from the recorded results of `tests/workers` by `make workers`.\n"

_HEADINGS: Final = {
    "plain": "plain call",
    "generator": "generator",
    "async generator": "async generator",
    "raises": "raises",
    "stopped": "cancelled or killed",
    "fan-in": "fan-in",
}

_INTRODUCTION: Final = """\
Each cell below is a test that runs a real program under `opentelemetry-instrument` and compares what arrives at an OTLP server
with what the program itself has written down of each call, past otelkit.

A ✓ says that in this cell

- the **parent** of each span is the stage that gave the work away, in its trace and its run;
- the **ids** that the work sees with OpenTelemetry's API are those that arrive, with the right process;
- the **counts** of calls (by error) and items (by outcome), added up over all processes, are those of what ran;
- the **log lines** written inside carry the ids of the span they were written in;
- **nothing is lost, and nothing comes twice**: spans, log lines, counts; no process reports a loss;
- each process has one `service.instance.id` of its own;
- nothing complains: no line of otelkit's, no "Failed to detach context".
"""

_WORKERS: Final = """\
## Workers

A *plain call* has a stage inside; several come from different stages, one after the other, to the same worker.
A *generator* is iterated to its end, left open and closed, left to the garbage collector, sent to, thrown into, never begun.
What its consumer does between two values is never its child.
What *raises* reaches who waits for it, as without otelkit.
"""

_QUEUES: Final = """\
## Queues

Between a producing and a consuming stage, the queue being watched with `otelkit.watch`; the items are plain tuples.
Besides the above, each stage that takes items **links** to the spans that put them, and to no others.
It takes one item before it begins (*plain call*, *raises*), several inside one call (*fan-in*), one by one in a generator,
and none from an empty queue.
"""

_LIMITS: Final = """\
## Where this ends

- **`kill -9`** of a process takes with it the calls that were open, and what has not been sent.
  What children made by `os.fork`, `Process` and `Pool` have recorded is sealed after each outermost stage, and sent by the
  program that started them: they may end by a signal or `os._exit`.
  Workers of a `ProcessPoolExecutor`, and programs, send every `export_delay_s` (metrics at their own interval) and at their
  end; the test sends once before the kill.
- **A worker of `multiprocessing.Pool` that is killed while it waits for work** takes the pool's lock with it; the pool hangs.
  That is Python's own limit, with or without otelkit.
- **A thread or process that never ends its call** has no span for it; the spans of the stages inside are there.
- **Programs that are not started by `subprocess`** or asyncio's subprocesses get no context: `os.system`, `os.exec*`,
  `os.posix_spawn`. Threads started by `_thread.start_new_thread` or by C code get none either.
- **`TRACEPARENT`** in the environment of an instrumented program is the parent of its root stages and runs, with its sampling
  decision. Some build servers set it for whatever they start.
  Where that is not wanted, unset it, or choose other propagators by `OTEL_PROPAGATORS`, whose variables are then used instead.
"""


def workers_page() -> str:
    """Return the page."""
    results = read_all()
    versions = ", ".join(found.python for found in results.values())
    return "\n".join(
        (
            f"# Workers\n\n{_NOTE}",
            _INTRODUCTION,
            f"All of it ran with CPython {versions}.\n",
            _WORKERS,
            _table("Worker", COLUMNS, WORKERS, results),
            _QUEUES,
            _table("Queue", QUEUE_COLUMNS, QUEUES, results),
            _LIMITS,
        )
    )


def _table(first: str, columns: Iterable[str], rows: Iterable[Row], results: Mapping[str, Results]) -> str:
    header = [first, *(_HEADINGS[column] for column in columns)]
    lines = [header, ["---"] * len(header)]
    lines.extend([row.title, *(_cell(row, column, results) for column in row.columns)] for row in rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _cell(row: Row, column: str, results: Mapping[str, Results]) -> str:
    said = {version: found.cells.get(row.title, {}).get(column, "not tested") for version, found in results.items()}
    if set(said.values()) == {HOLDS}:
        return f"✓ {row.stopped}" if column == "stopped" else "✓"
    return "; ".join(f"{version}: {'✓' if what == HOLDS else what}" for version, what in said.items())
