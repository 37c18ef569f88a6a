"""A ``ProcessPoolExecutor`` for each piece of work."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import CancelledError, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import steps
from columns import Work, columns_of, main, submit
from truth import Ids

context = multiprocessing.get_context(os.environ["METHOD"])


def in_pool(work: Work, parent: Ids) -> Any:
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(work, parent).result()


def mapped(work: Work, parent: Ids) -> None:
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        assert len(list(pool.map(work, [parent] * 8, chunksize=2))) == 8


def killed(work: Work, parent: Ids) -> None:
    """Have the only worker killed at work, which breaks the pool."""
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        dying = pool.submit(steps.do_then_die, work, parent)
        try:
            dying.result()
        except BrokenProcessPool:
            return
    raise AssertionError("the pool is whole")


def cancelled(work: Work, parent: Ids) -> None:
    """Cancel what waits behind other work: what has not been handed to a worker never runs."""
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        futures = [pool.submit(work, parent) for _ in range(20)]
        pool.shutdown(cancel_futures=True)
    assert futures[0].result()
    try:
        futures[-1].result()
    except CancelledError:
        return
    raise AssertionError("it ran")


def stop(run: Ids) -> None:
    """A worker that is killed, and tasks that are cancelled."""
    submit(run, mapped, steps.plain)
    submit(run, killed, steps.plain)
    submit(run, cancelled, steps.plain)


if __name__ == "__main__":
    main(columns_of(in_pool, stop))
