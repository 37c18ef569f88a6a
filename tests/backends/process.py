"""Run a real server as a child of the tests: on free ports of the loopback, waited for by its health, stopped by its id."""

from __future__ import annotations

import random
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.programs import clean_environment
from tests.waiting import wait_until

_PORTS = range(20_000, 30_000)
"""Below where Linux takes the ports of outgoing connections from, so that none of these gets one between look and use."""


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback that nobody listens on."""
    held: list[socket.socket] = []
    try:
        # Not the tests' seeded numbers: two runs at the same time should look in different places.
        for port in random.SystemRandom().sample(_PORTS, len(_PORTS)):
            candidate = socket.socket()
            held.append(candidate)
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                held.pop().close()
            if len(held) == count:
                return [one.getsockname()[1] for one in held]
        raise AssertionError(f"no {count} free ports in {_PORTS}")
    finally:
        for one in held:
            one.close()


def get(url: str, timeout_s: float = 10.0) -> tuple[int, bytes]:
    """Return status and body of what is at ``url``; status 0 while nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=timeout_s) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
    except OSError:
        return 0, b""


@contextmanager
def running(
    command: Sequence[str | Path], folder: Path, healthy: str, env: Mapping[str, str] | None = None
) -> Iterator[Path]:
    """Run a server until the block ends, and yield the file that it logs to.

    Args:
        command: What to run; it starts in ``folder``, where its output goes to ``log``.
        healthy: URL that answers 200 when the server is ready; it has a minute.
        env: Variables beside this process's own.

    Raises:
        AssertionError: It ended before it was ready, or was not ready in time; its log is in the message.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=clean_environment(**(env or {})),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    def ready() -> bool:
        if process.poll() is not None:
            raise AssertionError(f"{command[0]} ended with {process.returncode}:\n{_tail(log)}")
        return get(healthy)[0] == 200

    try:
        try:
            wait_until(ready, 60.0)
        except AssertionError as error:
            error.add_note(_tail(log))
            raise
        yield log
    finally:
        process.terminate()
        try:
            process.wait(20.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-30:])
