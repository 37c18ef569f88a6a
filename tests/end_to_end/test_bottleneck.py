"""Pipelines whose bottleneck is known by construction, run as users run them: what is said to limit them is what does."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import groupby, pairwise
from pathlib import Path

import pytest

from otelkit.embedded.store import open_reader
from otelkit.errors import OtelkitError
from otelkit.model.bottleneck import Bottleneck, bottleneck_of, since
from otelkit.model.views import Reader, RunRow
from tests.programs import SCRIPTS, clean_environment, write
from tests.waiting import wait_until

STAGES = """
import queue, sys, threading, time
import otelkit

def seconds(name):
    return lambda n: time.sleep(TIMES[name][n * len(TIMES[name]) // ITEMS])

TIMES = {"read": eval(sys.argv[1]), "work": eval(sys.argv[2]), "write": eval(sys.argv[3])}
WORKERS, ITEMS = int(sys.argv[4]), int(sys.argv[5])
"""

THREADS = (
    STAGES
    + """
@otelkit.stage("read")
def read(n):
    seconds("read")(n)
    return n

@otelkit.stage("work")
def work(n):
    seconds("work")(n)
    return n

@otelkit.stage("write")
def write(n):
    seconds("write")(n)

files = otelkit.watch(queue.Queue(4), "files")
results = otelkit.watch(queue.Queue(4), "results")

def reader():
    for n in range(ITEMS):
        files.put(read(n))
    for _ in range(WORKERS):
        files.put(None)

def worker():
    while (n := files.get()) is not None:
        results.put(work(n))
    results.put(None)

def writer():
    left = WORKERS
    while left:
        n = results.get()
        if n is None:
            left -= 1
        else:
            write(n)

threads = [threading.Thread(target=each) for each in (reader, writer, *[worker] * WORKERS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
)

TWO_STAGES = THREADS.replace("results.put(work(n))", "results.put(check(work(n)))").replace(
    "files = otelkit",
    """@otelkit.stage("check")
def check(n):
    seconds("write")(n)
    return n

files = otelkit""",
    1,
)
"""Each worker runs one stage and then another."""

TASKS = (
    STAGES
    + """
import asyncio

@otelkit.stage("read")
async def read(n):
    await asyncio.sleep(TIMES["read"][0])
    return n

@otelkit.stage("work")
async def work(n):
    await asyncio.sleep(TIMES["work"][0])
    return n

@otelkit.stage("write")
async def write(n):
    await asyncio.sleep(TIMES["write"][0])

async def worker(files, results):
    while (n := await asyncio.wait_for(files.get(), 30)) is not None:
        await results.put(await work(n))

async def writer(results):
    while (n := await results.get()) is not None:
        await write(n)

async def main():
    files = otelkit.watch(asyncio.Queue(4), "files")
    results = otelkit.watch(asyncio.Queue(4), "results")
    async with asyncio.TaskGroup() as group:
        workers = [group.create_task(worker(files, results)) for _ in range(WORKERS)]
        group.create_task(writer(results))
        for n in range(ITEMS):
            await files.put(await read(n))
        for _ in workers:
            await files.put(None)
        await asyncio.wait(workers)
        await results.put(None)

asyncio.run(main())
"""
)

PROCESSES = (
    STAGES
    + """
import multiprocessing

@otelkit.stage("read")
def read(n):
    seconds("read")(n)
    return n

@otelkit.stage("work")
def work(n):
    seconds("work")(n)
    return n

@otelkit.stage("write")
def write(n):
    seconds("write")(n)

def worker(files, results):
    while (n := files.get()) is not None:
        results.put(work(n))
    results.put(None)

def reader(files):
    for n in range(ITEMS):
        files.put(read(n))
    for _ in range(WORKERS):
        files.put(None)

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    files = otelkit.watch(context.Queue(4), "files")
    results = otelkit.watch(context.Queue(4), "results")
    workers = [context.Process(target=worker, args=(files, results)) for _ in range(WORKERS)]
    for each in workers:
        each.start()
    thread = threading.Thread(target=reader, args=(files,))
    thread.start()
    left = WORKERS
    while left:
        n = results.get()
        if n is None:
            left -= 1
        else:
            write(n)
    thread.join()
    for each in workers:
        each.join()
"""
)

GENERATORS = (
    STAGES
    + """
@otelkit.stage("read")
def read():
    for n in range(ITEMS):
        seconds("read")(n)
        yield n

@otelkit.stage("work")
def work(n):
    seconds("work")(n)
    return n

@otelkit.stage("write")
def write(n):
    seconds("write")(n)

for n in read():
    write(work(n))
"""
)


@contextmanager
def started(folder: Path, program: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start ``otelkit run`` with a program in the folder."""
    write(folder, "pipeline.py", program)
    process = subprocess.Popen(
        [SCRIPTS / "otelkit", "run", "python", "pipeline.py", *arguments],
        cwd=folder,
        env=clean_environment(OTEL_PYTHON_OTELKIT_RECEIVER_HTTP_PORT="0"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def store_in(folder: Path) -> Reader:
    return open_reader(next(folder.rglob("telemetry.db")))


def the_run(reader: Reader) -> RunRow:
    (row,) = reader.runs()
    run = reader.run(row.id)
    assert run is not None
    return run


def bottleneck(folder: Path, program: str, *arguments: str) -> Bottleneck:
    """Run a program to its end; return what is said to limit it."""
    with started(folder, program, *arguments) as process:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
    reader = store_in(folder)
    run = the_run(reader)
    reader.close()
    found = bottleneck_of(run)
    assert found is not None, run
    return found


@pytest.mark.parametrize(
    ("program", "read", "work", "write", "workers", "stage", "evidence"),
    [
        pytest.param(THREADS, "[.03]", "[.003]", "[.003]", 2, "read", "work waits", id="threads, slow reader"),
        pytest.param(
            THREADS, "[.003]", "[.03]", "[.003]", 1, "work", "queue `files` is full", id="threads, slow worker"
        ),
        pytest.param(
            THREADS, "[.003]", "[.003]", "[.03]", 2, "write", "queue `results` is full", id="threads, slow writer"
        ),
        pytest.param(
            THREADS, "[.01]", "[.06]", "[.01]", 2, "work", "queue `files` is full", id="threads, too few workers"
        ),
        pytest.param(
            TASKS, "[.003]", "[.09]", "[.003]", 3, "work", "queue `files` is full", id="tasks, too few workers"
        ),
        pytest.param(
            TASKS, "[.003]", "[.003]", "[.03]", 3, "write", "queue `results` is full", id="tasks, slow writer"
        ),
        pytest.param(
            PROCESSES, "[.003]", "[.06]", "[.003]", 2, "work", "queue `files` is full", id="processes, slow worker"
        ),
        pytest.param(
            GENERATORS, "[.003]", "[.03]", "[.003]", 1, "work", "read is blocked", id="generators, slow worker"
        ),
        pytest.param(GENERATORS, "[.03]", "[.003]", "[.003]", 1, "read", "busy", id="generators, slow reader"),
    ],
)
def test_the_stage_that_limits_is_named(
    program: str, read: str, work: str, write: str, workers: int, stage: str, evidence: str, tmp_path: Path
) -> None:
    """With its workers, and with what its neighbours say of it."""
    found = bottleneck(tmp_path, program, read, work, write, str(workers), "40")

    assert found.stage == stage
    assert found.workers == (workers if stage == "work" else 1)
    assert found.sentence.startswith(f"{stage} limits: busy ")
    assert evidence in found.sentence


def test_workers_that_run_two_stages_are_judged_as_a_whole(tmp_path: Path) -> None:
    """Two workers, a third of whose time goes into the second stage: two are said to be busy, not one for each stage."""
    found = bottleneck(tmp_path, TWO_STAGES, "[.003]", "[.04]", "[.02]", "2", "60")

    assert (found.stage, found.workers) == ("work", 2)
    assert 0.5 < found.busy < 0.8
    assert " % of 2 workers (and " in found.sentence
    assert "with check), its input queue `files` is full" in found.sentence


def test_a_bottleneck_that_moves_is_followed(tmp_path: Path) -> None:
    """First the worker is slow, then the writer: what limits lately is told while the program runs."""
    seen: list[RunRow] = []
    with started(tmp_path, THREADS, "[.003]", "[.05, .003]", "[.003, .05]", "1", "160") as process:
        wait_until(lambda: list(tmp_path.rglob("telemetry.db")))
        reader = None

        def over() -> bool:
            nonlocal reader
            with suppress(OtelkitError, ValueError):
                reader = reader or store_in(tmp_path)
                run = the_run(reader)
                if run.measured_s is not None and (not seen or run.measured_s > (seen[-1].measured_s or 0) + 0.5):
                    seen.append(run)
            return process.poll() is not None

        wait_until(over, 60)
        if reader is not None:
            reader.close()
    lately = [bottleneck_of(since(later, earlier)) for earlier, later in pairwise(seen)]
    limiting = [stage for stage, _ in groupby(each.stage for each in lately if each is not None)]

    assert limiting == ["work", "write"]
