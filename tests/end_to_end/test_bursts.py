"""More calls at once than anybody can send: a real program, the real receiver, and every call accounted for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cli.running import environment, last_json, otelkit, runs
from tests.drills.programs import Ended, ended, items, spooled_spans, start
from tests.waiting import wait_until

CALLS = 100_000

BURST = """
    import account, otelkit, threading

    @otelkit.stage("load", item="name")
    def load(name):
        return name

    def work(worker):
        for number in range(12_500):
            load(f"{{worker}}-{{number}}")

    with otelkit.run("burst"):
        threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if {flushes}:
        print("flushed", otelkit.flush(120))
"""

CROWD = """
    import account, otelkit, sys

    @otelkit.stage("load", item="name")
    def load(name, fails=False):
        if fails:
            raise ValueError("wrong")

    def attempt(number):
        try:
            load(f"{'bad' if number % 100 == 99 else 'good'}-{number}", number % 100 == 99)
        except ValueError:
            pass

    with otelkit.run("crowd"):
        attempt(0)
        print("sent", otelkit.flush(60), flush=True)
        sys.stdin.readline()
        for number in range(1, 20_000):
            attempt(number)
        print("made", flush=True)
        sys.stdin.readline()
        print("flushed", otelkit.flush(60), flush=True)
"""


def item_of(span: dict[str, Any]) -> str | None:
    for attribute in span["attributes"]:
        if attribute["key"] == "pipeline.item.id":
            return str(attribute["value"]["stringValue"])
    return None


@dataclass(frozen=True, slots=True)
class Receiver:
    """The receiver of a folder, as `otelkit up` starts it."""

    folder: Path
    url: str
    pid: int
    env: dict[str, str]

    def stop(self) -> None:
        """Have it end, with everything stored that it took."""
        assert otelkit(self.folder, "down", env=self.env).returncode == 0

    def items(self) -> list[str]:
        """Return the item of each span that is stored, where it has one."""
        done = otelkit(self.folder, "export", env=self.env)
        assert done.returncode == 0, done.stderr
        requests = [json.loads(line) for line in done.stdout.splitlines()]
        groups = [group for request in requests for group in request.get("resourceSpans", ())]
        spans = [span for group in groups for scope in group["scopeSpans"] for span in scope["spans"]]
        return [item for span in spans if (item := item_of(span)) is not None]


@contextmanager
def receiver(folder: Path) -> Iterator[Receiver]:
    """Run the real receiver in ``folder``."""
    env = environment()
    up = otelkit(folder, "up", "--json", env=env)
    assert up.returncode == 0, up.stderr
    port = env["OTEL_PYTHON_OTELKIT_RECEIVER_HTTP_PORT"]
    running = Receiver(folder, f"http://127.0.0.1:{port}", last_json(up.stdout)["pid"], env)
    try:
        yield running
    finally:
        otelkit(folder, "down", env=env)


def test_a_hundred_thousand_calls_in_a_tight_loop_all_arrive(tmp_path: Path) -> None:
    """From eight threads, to a healthy receiver: each span once, none lost, none spooled, and the books agree."""
    with receiver(tmp_path) as it:
        done = ended(tmp_path, start(tmp_path, BURST.format(flushes=True), it.url), timeout_s=300)
        it.stop()
    (run,) = runs(tmp_path)
    account = done.spans

    assert (done.code, done.stdout) == (0, "flushed True\n"), done.stderr
    account.check()
    assert (account.created, account.delivered) == (CALLS + 1, CALLS + 1)
    assert (account.spooled, account.lost, "lost" in done.stderr) == (0, {}, False)
    # The store knows a span that comes twice: these are different ones.
    assert (run.spans, run.lost, run.stages[0].calls) == (CALLS + 1, 0, CALLS)


def test_a_program_that_ends_in_the_middle_of_a_burst_loses_nothing(tmp_path: Path) -> None:
    """What there is no time for at the exit is on disk, and the next `otelkit up` takes it in."""
    with receiver(tmp_path) as it:
        done = ended(tmp_path, start(tmp_path, BURST.format(flushes=False), it.url), timeout_s=300)
        it.stop()
    with receiver(tmp_path) as it:
        wait_until(lambda: not list((tmp_path / ".otelkit" / "spool").glob("*.otlp")), 120)
        it.stop()
    (run,) = runs(tmp_path)
    account = done.spans

    assert done.code == 0, done.stderr
    account.check()
    assert (account.created, account.delivered + account.spooled, account.lost) == (CALLS + 1, CALLS + 1, {})
    assert (run.spans, run.lost, run.stages[0].calls) == (CALLS + 1, 0, CALLS)


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def answer(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def crowd(folder: Path, it: Receiver) -> Ended:
    """Run the program with little memory for what waits, while the receiver stands still; return what came of it."""
    process = start(
        folder, CROWD, it.url,
        OTEL_PYTHON_OTELKIT_BUFFER_BYTES="600000", OTEL_PYTHON_OTELKIT_BATCH_SPANS="64",
        OTEL_PYTHON_OTELKIT_SPOOL="false",
    )  # fmt: skip
    try:
        assert read_line(process) == "sent True\n"
        os.kill(it.pid, signal.SIGSTOP)
        try:
            answer(process)
            assert read_line(process) == "made\n"
        finally:
            os.kill(it.pid, signal.SIGCONT)
        answer(process)
        return ended(folder, process, timeout_s=120)
    finally:
        process.kill()


def test_when_memory_gets_short_the_newest_go_first_and_errors_stay(tmp_path: Path) -> None:
    """A receiver that stands still costs what does not fit, counted; the oldest and everything that failed arrive."""
    with receiver(tmp_path) as it:
        done = crowd(tmp_path, it)
        it.stop()
        (run,) = runs(tmp_path)
        stored = it.items()
    spooled = list(items(spooled_spans(tmp_path)).elements())
    account = done.spans
    kept = stored + spooled
    good = sorted(int(item.partition("-")[2]) for item in kept if item.startswith("good"))

    assert done.code == 0, done.stderr
    account.check()
    assert account.created == 20_001
    assert set(account.lost) == {"buffer_full"}
    assert account.lost["buffer_full"] > 1000
    assert f"lost {account.lost['buffer_full']} span" in done.stderr.replace(",", "")
    assert len(kept) == len(set(kept)) == 20_000 - account.lost["buffer_full"]
    # Every one that failed, and the oldest of the others without a gap; the newest are missing.
    assert sum(item.startswith("bad") for item in kept) == 200
    assert good[:500] == [number for number in range(600) if number % 100 != 99][:500]
    assert sum(number >= 10_000 for number in good) < sum(number < 10_000 for number in good)
    # What was lost is not forgotten: the stage was called as often as it was.
    assert (run.stages[0].calls, run.stages[0].failed) == (20_000, 200)
