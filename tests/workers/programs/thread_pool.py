"""A ``ThreadPoolExecutor`` for each piece of work."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor
from typing import Any

import steps
from columns import Work, columns_of, main, submit
from truth import Ids


def in_pool(work: Work, parent: Ids) -> Any:
    with ThreadPoolExecutor(2) as pool:
        return pool.submit(work, parent).result()


def mapped(work: Work, parent: Ids) -> None:
    with ThreadPoolExecutor(2) as pool:
        assert len(list(pool.map(work, [parent] * 4))) == 4


def cancelled(work: Work, parent: Ids) -> None:
    """Cancel what waits behind other work: it never runs."""
    released = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(steps.takes_its_time, parent, released)
        waiting = [pool.submit(work, parent) for _ in range(3)]
        assert waiting[0].cancel()
        pool.shutdown(wait=False, cancel_futures=True)
        released.set()
        assert running.result() == 1
        for future in waiting:
            try:
                future.result()
            except CancelledError:
                continue
            raise AssertionError("it ran")


def stop(run: Ids) -> None:
    """Futures that are cancelled, and ``sys.exit(0)`` in a task."""
    submit(run, mapped, steps.plain)
    submit(run, cancelled, steps.plain)
    submit(run, in_pool, steps.leaves, SystemExit)


if __name__ == "__main__":
    main(columns_of(in_pool, stop))
