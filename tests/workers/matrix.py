"""The published matrix: kinds of workers against what happens in them. One real test per cell, one program per row."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

PROGRAMS: Final = Path(__file__).parent / "programs"
PYTHONS: Final = ("3.11", "3.12", "3.13")
"""Versions that the published results are from."""

COLUMNS: Final = ("plain", "generator", "async generator", "raises", "stopped")
QUEUE_COLUMNS: Final = ("plain", "fan-in", "generator", "raises", "stopped")

METHODS: Final = ("fork", "spawn", "forkserver")


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of worker."""

    title: str
    """As published."""
    program: str
    """Its file, without the suffix."""
    stopped: str
    """How work is cancelled or killed in it, as published."""
    env: dict[str, str] = field(default_factory=dict)
    columns: tuple[str, ...] = COLUMNS


def _process_rows() -> list[Row]:
    rows = []
    for method in METHODS:
        env = {"METHOD": method}
        rows.append(Row(f"`Process`, {method}", "process", "killed, terminated", env))
        rows.append(Row(f"`Pool`, {method}, closed", "pool", "killed", env))
        rows.append(
            Row(f"`Pool`, {method}, left by terminate", "pool", "killed, terminated", {**env, "LEFT_BY": "terminate"})
        )
        rows.append(Row(f"`ProcessPoolExecutor`, {method}", "process_pool", "killed, cancelled", env))
    return rows


def _queue_rows() -> list[Row]:
    named = {"queue": "`queue.Queue`", "priority": "`queue.PriorityQueue`", "lifo": "`queue.LifoQueue`"}
    rows = [
        Row(title, "watched_queue", "closed, timed out", {"QUEUE": kind}, QUEUE_COLUMNS)
        for kind, title in named.items()
    ]
    rows.append(Row("`asyncio.Queue`", "watched_asyncio_queue", "cancelled", {}, QUEUE_COLUMNS))
    rows.extend(
        Row(
            f"`multiprocessing.Queue`, {method}",
            "watched_queue",
            "closed, timed out",
            {"QUEUE": "multiprocessing", "METHOD": method},
            QUEUE_COLUMNS,
        )
        for method in METHODS
    )
    return rows


WORKERS: Final = (
    Row("the main thread", "sync", "Ctrl-C, `sys.exit(0)`"),
    Row("`threading.Thread`", "thread", "`sys.exit(0)`, left at work as a daemon"),
    Row("`ThreadPoolExecutor`", "thread_pool", "cancelled, `sys.exit(0)`"),
    Row("`ThreadPoolExecutor`, one for several runs", "long_lived_pool", "`sys.exit(0)`"),
    Row("`multiprocessing.pool.ThreadPool`", "multiprocessing_thread_pool", "left at work by terminate"),
    Row("`asyncio.create_task`", "tasks", "cancelled, timed out"),
    Row("`asyncio.gather`", "gather", "cancelled"),
    Row("`asyncio.TaskGroup`", "task_group", "cancelled by another task's failure"),
    Row("`asyncio.to_thread`", "to_thread", "its waiter cancelled"),
    Row("`loop.run_in_executor`", "run_in_executor", "cancelled"),
    Row("`os.fork`", "forked", "killed, `sys.exit(0)`, forked in a generator"),
    *_process_rows(),
    Row("`subprocess` of another Python", "program", "killed, terminated"),
)
QUEUES: Final = tuple(_queue_rows())
ROWS: Final = (*WORKERS, *QUEUES)

EXCEPTIONS: Final[dict[tuple[str, str], str]] = {}
"""(Title, column) of the cells that do not hold, and why."""
