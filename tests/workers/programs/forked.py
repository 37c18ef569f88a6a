"""``os.fork`` for each piece of work; the child leaves by ``os._exit``, or through all that its parent has begun."""

from __future__ import annotations

import os
import signal
import sys

import steps
from columns import Work, columns_of, main, submit
from truth import Ids


class ChildFailedError(Exception):
    """The child ended with another status than 0."""


def in_child(work: Work, parent: Ids) -> None:
    pid = os.fork()
    if pid == 0:
        try:
            work(parent)
        except BaseException:
            os._exit(1)
        os._exit(0)
    if os.waitpid(pid, 0)[1]:
        raise ChildFailedError


def leaving(work: Work, parent: Ids) -> None:
    """Have the child leave by ``sys.exit``, through the stages that its parent has begun: they are the parent's to end."""
    pid = os.fork()
    if pid == 0:
        work(parent)
        sys.exit(0)
    assert os.waitpid(pid, 0)[1] == 0


def holding(work: Work, parent: Ids) -> None:
    """Fork while a generator is in the middle: each process drops its own, and only the parent's is a call."""
    numbers = steps.open_numbers(parent)
    assert [next(numbers), next(numbers)] == [1, 1]
    pid = os.fork()
    if pid == 0:
        numbers.close()
        work(parent)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    numbers.close()


def killed(work: Work, parent: Ids) -> None:
    """Have the child killed in the middle of its work."""
    pid = os.fork()
    if pid == 0:
        steps.do_then_die(work, parent)
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL


def stop(run: Ids) -> None:
    """Children that leave in every other way."""
    submit(run, holding, steps.plain)
    submit(run, killed, steps.plain)
    child_of = os.getpid()
    try:
        submit(run, leaving, steps.plain, None)
    except BaseException:
        if os.getpid() == child_of:
            raise
        raise SystemExit(0) from None


if __name__ == "__main__":
    main(columns_of(in_child, stop, raised=ChildFailedError))
