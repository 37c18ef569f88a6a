"""How long after a stage call has ended ``otelkit top`` shows it, and what the receiver weighs."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.programs import environment, run
from benchmarks.report import Column, Goal, Report

LIMIT_S = 20.0

_BIN = Path(sys.executable).parent
_INSTRUMENT = str(_BIN / "opentelemetry-instrument")
_OTELKIT = str(_BIN / "otelkit")
_CONTROL = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")

ONE_CALL = """
import sys, time, otelkit
with otelkit.stage(sys.argv[1]):
    pass
print(time.time_ns(), flush=True)
sys.stdin.read()
"""
MANY_CALLS = """
import sys, otelkit
@otelkit.stage("load", item="number")
def load(number): return number
for number in range(int(sys.argv[1])): load(number)
"""


class Screen:
    """A terminal of 120 by 40 in which one command runs."""

    def __init__(self, command: list[str], env: dict[str, str], folder: Path) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**env, "TERM": "xterm"},
            cwd=folder,
            start_new_session=True,
        )
        os.close(slave)
        self._shown = b""

    def wait_for(self, text: str) -> int:
        """Return when the text was shown for the first time since the last one waited for, as Unix time in ns.

        Raises:
            RuntimeError: It did not come within the limit.
        """
        deadline = time.monotonic() + LIMIT_S
        while (left_s := deadline - time.monotonic()) > 0:
            if select.select([self._master], [], [], left_s)[0]:
                self._shown += os.read(self._master, 65536)
                now_ns = time.time_ns()
                if text.encode() in _CONTROL.sub(b"", self._shown):
                    self._shown = b""
                    return now_ns
        raise RuntimeError(f"{text} was not shown within {LIMIT_S:.0f} s; the screen said {self._shown[-2000:]!r}")

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()
        os.close(self._master)


def measure(quick: bool) -> Report:
    """Watch ``otelkit top`` in a terminal while programs with one call each start; then send the receiver a load."""
    rounds, calls = (3, 10_000) if quick else (10, 100_000)
    with tempfile.TemporaryDirectory(prefix="otelkit-bench-") as scratch:
        folder, port = Path(scratch), free_port()
        variables = {
            "OTEL_PYTHON_OTELKIT_RECEIVER_HTTP_PORT": str(port),
            "OTEL_PYTHON_OTELKIT_RECEIVER_GRPC_PORT": "0",
        }
        sender = environment(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}")
        with receiver(environment(**variables), folder):
            show(ONE_CALL, "first", sender, folder)  # `top` wants something to be stored
            screen = Screen([_OTELKIT, "top"], environment(**variables), folder)
            try:
                screen.wait_for("first")
                seen_s = [one_turn(screen, f"seen-{number}", sender, folder) for number in range(rounds)]
            finally:
                screen.close()
            idle_mb = resident_mb(port)
            run([_INSTRUMENT, sys.executable, "-c", MANY_CALLS, str(calls)], sender, folder)
            loaded_mb = resident_mb(port, peak=True)
    median_s = statistics.median(seen_s)
    return Report(
        "time_to_see",
        "From the end of a stage call to its line in `otelkit top`",
        (Column("what"), Column("best"), Column("median"), Column("worst")),
        (
            ("recorded to visible, s", min(seen_s), median_s, max(seen_s)),
            (f"receiver's memory, idle, then at most after {calls:,} calls, MB", idle_mb, None, loaded_mb),
        ),
        goals=(Goal("recorded to visible", max(seen_s), 1, "s"), Goal("receiver's memory", loaded_mb, 150, "MB")),
        notes=(
            f"{rounds} programs of one stage call each, in turn; visible is when the terminal got the stage's name.",
        ),
        extra={"seen_s": seen_s},
    )


def one_turn(screen: Screen, name: str, env: dict[str, str], folder: Path) -> float:
    """Return the seconds from the end of the call until the screen shows its stage."""
    with program(ONE_CALL, name, env, folder) as ended_ns:
        return (screen.wait_for(name) - ended_ns) / 1e9


def show(script: str, name: str, env: dict[str, str], folder: Path) -> None:
    """Run a program with one call to its end."""
    with program(script, name, env, folder):
        pass


@contextmanager
def program(script: str, name: str, env: dict[str, str], folder: Path) -> Iterator[int]:
    """Run a program that makes one call, tells when it had ended (Unix time in ns) and waits for us."""
    command = [_INSTRUMENT, sys.executable, "-c", script, name]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env, cwd=folder
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.stdin.close()


@contextmanager
def receiver(env: dict[str, str], folder: Path) -> Iterator[None]:
    """Keep otelkit's receiver running in the background."""
    run([_OTELKIT, "up"], env, folder)
    try:
        yield
    finally:
        run([_OTELKIT, "down"], env, folder)


def resident_mb(port: int, peak: bool = False) -> float:
    """Return the receiver's resident memory, now or at its peak."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/otelkit/info", timeout=10) as answer:
        pid = json.load(answer)["pid"]
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    found = re.search(rf"{'VmHWM' if peak else 'VmRSS'}:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024 / 1e6


def free_port() -> int:
    """Return a port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
