"""Run the otelkit program as a user does: in a folder of its own, on ports of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from otelkit.embedded.store import open_reader
from otelkit.model.views import RunRow
from tests.programs import clean_environment


def free_port() -> int:
    """Return a port on which nobody listens now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def environment(http_port: int | None = None, **more: str) -> dict[str, str]:
    """Return a clean environment in which the receiver takes ports that nobody else uses."""
    port = free_port() if http_port is None else http_port
    return clean_environment(
        OTEL_PYTHON_OTELKIT_RECEIVER_HTTP_PORT=str(port), OTEL_PYTHON_OTELKIT_RECEIVER_GRPC_PORT="0", **more
    )


def command(*words: str) -> list[str]:
    """Return the command line of ``otelkit WORDS``."""
    return [sys.executable, "-P", "-m", "otelkit._cli.main", *words]


def otelkit(
    folder: Path, *words: str, env: dict[str, str] | None = None, stdin: bytes = b"", timeout_s: float = 120
) -> subprocess.CompletedProcess[bytes]:
    """Run ``otelkit WORDS`` in ``folder`` until it ends."""
    return subprocess.run(
        command(*words),
        cwd=folder,
        env=environment() if env is None else env,
        input=stdin,
        capture_output=True,
        timeout=timeout_s,
    )


def started(folder: Path, *words: str, env: dict[str, str] | None = None, **options: Any) -> subprocess.Popen[bytes]:
    """Start ``otelkit WORDS`` in ``folder``."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(
        command(*words), cwd=folder, env=environment() if env is None else env, **{**pipes, **options}
    )


def runs(folder: Path) -> list[RunRow]:
    """Return every run stored in ``folder``, the newest first, whole."""
    reader = open_reader(folder / ".otelkit" / "telemetry.db")
    try:
        rows = [reader.run(row.id) for row in reader.runs()]
    finally:
        reader.close()
    return [row for row in rows if row is not None]


def last_json(output: bytes) -> Any:
    """Return the JSON on the last line of an output."""
    return json.loads(output.splitlines()[-1])


def alive(pid: int) -> bool:
    """Return whether a process is there (a zombie is not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """Send a signal to a process of the test's own."""
    os.kill(pid, number)
