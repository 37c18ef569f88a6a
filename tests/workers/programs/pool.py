"""A ``multiprocessing.Pool`` for each piece of work, closed and joined, or left by terminate as ``with`` does."""

from __future__ import annotations

import multiprocessing
import os
from typing import Any

import steps
from columns import Work, columns_of, main, submit
from truth import Ids

context = multiprocessing.get_context(os.environ["METHOD"])


def closed(work: Work, parent: Ids) -> Any:
    pool = context.Pool(1)
    try:
        return pool.apply(work, (parent,))
    finally:
        pool.close()
        pool.join()


def left(work: Work, parent: Ids) -> Any:
    with context.Pool(1) as pool:
        return pool.map(work, [parent])[0]


in_pool = left if os.environ.get("LEFT_BY") == "terminate" else closed


def killed(work: Work, parent: Ids) -> None:
    """Have the only worker killed at work, whose result never comes, and leave."""
    with context.Pool(1) as pool:
        lost = pool.apply_async(steps.do_then_die, (work, parent))
        # The pool replaces the dead worker: when the next task is done, the first one is lost.
        pool.apply(work, (parent,))
        assert not lost.ready()


def stop(run: Ids) -> None:
    """A worker that is killed at work; what it had done is there. (One that is killed idle takes the pool's lock with it.)"""
    submit(run, killed, steps.plain)


if __name__ == "__main__":
    main(columns_of(in_pool, stop))
