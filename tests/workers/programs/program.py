"""Another Python program for each piece of work, started by ``subprocess`` or by asyncio's subprocesses."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import steps
from columns import Work, columns_of, main, submit
from truth import Ids

CHILD = str(Path(__file__).with_name("child.py"))


def in_program(work: Work, parent: Ids) -> None:
    subprocess.run([sys.executable, CHILD, work.__name__, json.dumps(parent)], check=True)


def with_environment(work: Work, parent: Ids) -> None:
    """Give the child an environment of its own, which stays as it was."""
    env = {**os.environ, "OWN": "yes"}
    before = dict(env)
    subprocess.check_output([sys.executable, CHILD, work.__name__, json.dumps(parent)], env=env)
    assert env == before


def by_asyncio(work: Work, parent: Ids) -> None:
    async def run() -> int:
        child = await asyncio.create_subprocess_exec(sys.executable, CHILD, work.__name__, json.dumps(parent))
        return await child.wait()

    assert asyncio.run(run()) == 0


def killed(work: Work, parent: Ids) -> None:
    """Have the child killed in the middle of its work."""
    command = [sys.executable, CHILD, "do_then_die", json.dumps(parent), work.__name__]
    assert subprocess.run(command).returncode == -signal.SIGKILL


def terminated(work: Work, parent: Ids) -> None:
    """Terminate the child while it is idle, which it has no handler for; what it had done is there."""
    command = [sys.executable, CHILD, "do_then_idle", json.dumps(parent), work.__name__]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "idle\n"
        child.terminate()
    assert child.returncode == -signal.SIGTERM


def stop(run: Ids) -> None:
    """Children that are started in other ways, killed, and terminated."""
    submit(run, with_environment, steps.plain)
    submit(run, by_asyncio, steps.plain)
    submit(run, killed, steps.plain)
    submit(run, terminated, steps.plain)


if __name__ == "__main__":
    main(columns_of(in_program, stop, raised=subprocess.CalledProcessError))
