"""A ``multiprocessing.Process`` for each piece of work."""

from __future__ import annotations

import multiprocessing
import os
import signal

import steps
from columns import Work, columns_of, main, submit
from truth import Ids

context = multiprocessing.get_context(os.environ["METHOD"])


class ChildFailedError(Exception):
    """The child ended with another exit code than 0."""


def in_process(work: Work, parent: Ids) -> None:
    child = context.Process(target=work, args=(parent,))
    child.start()
    child.join()
    if child.exitcode:
        raise ChildFailedError(child.exitcode)


def killed(work: Work, parent: Ids) -> None:
    """Have the child killed in the middle of its work."""
    child = context.Process(target=steps.do_then_die, args=(work, parent))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL


def terminated(work: Work, parent: Ids) -> None:
    """Terminate the child in the middle of its work."""
    reading, writing = context.Pipe(duplex=False)
    child = context.Process(target=steps.do_then_wait, args=(work, parent, writing))
    child.start()
    assert reading.recv() == "waiting"
    child.terminate()
    child.join()
    assert child.exitcode == -signal.SIGTERM


def killed_from_outside(work: Work, parent: Ids) -> None:
    """Kill the child in the middle of its work, at a moment it knows nothing of."""
    reading, writing = context.Pipe(duplex=False)
    child = context.Process(target=steps.do_then_wait, args=(work, parent, writing))
    child.start()
    assert reading.recv() == "waiting"
    child.kill()
    child.join()
    assert child.exitcode == -signal.SIGKILL


def stop(run: Ids) -> None:
    """Children that are killed or terminated; what they had done is there."""
    submit(run, killed, steps.plain)
    submit(run, killed_from_outside, steps.plain)
    submit(run, terminated, steps.plain)


if __name__ == "__main__":
    main(columns_of(in_process, stop, raised=ChildFailedError))
