"""A ``multiprocessing.pool.ThreadPool``, left by terminate."""

from __future__ import annotations

from multiprocessing.pool import ThreadPool
from typing import Any

import steps
from columns import Work, columns_of, main, submit
from truth import Ids


def in_pool(work: Work, parent: Ids) -> Any:
    with ThreadPool(2) as pool:
        return pool.apply(work, (parent,))


def abandoned(work: Work, parent: Ids) -> None:
    """Leave the pool while its only thread is at work and more waits behind it: that never runs."""
    with ThreadPool(1) as pool:
        pool.apply_async(work, (parent,))
        pool.apply_async(steps.plain, (parent,))
        assert steps.begun.wait(60)


def stop(run: Ids) -> None:
    """Terminate the pool in the middle of the work: the thread goes on until the program ends."""
    submit(run, abandoned, steps.never_ends)


if __name__ == "__main__":
    main(columns_of(in_pool, stop))
