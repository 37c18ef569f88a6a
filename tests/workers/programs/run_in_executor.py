"""``loop.run_in_executor`` with the loop's own pool for each piece of work."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import steps
from columns import Work, async_columns_of, async_submit, main
from truth import Ids


async def in_executor(work: Work, parent: Ids) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, work, parent)


async def cancelled(work: Work, parent: Ids) -> None:
    """Cancel what waits behind other work: it never runs."""
    released = threading.Event()
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as pool:
        running = loop.run_in_executor(pool, steps.takes_its_time, parent, released)
        waiting = loop.run_in_executor(pool, work, parent)
        waiting.cancel()
        # The loop must turn once, for the cancellation to reach the pool.
        await asyncio.sleep(0.01)
        released.set()
        assert await running == 1
    assert waiting.cancelled()


async def stop(run: Ids) -> None:
    """A cancelled task of an executor."""
    await async_submit(run, cancelled, steps.plain)


if __name__ == "__main__":
    main(async_columns_of(in_executor, stop, in_threads=True))
