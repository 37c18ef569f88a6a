"""An ``asyncio.create_task`` for each piece of work."""

from __future__ import annotations

import asyncio
from typing import Any

import steps
from columns import Work, async_columns_of, async_submit, awaited, main
from truth import Ids


async def in_task(work: Work, parent: Ids) -> Any:
    return await asyncio.create_task(awaited(work, parent))


async def cancelled(work: Work, parent: Ids) -> None:
    """Cancel a task in the middle of its work, and one that has not begun."""
    task = asyncio.create_task(awaited(work, parent))
    await asyncio.sleep(0.01)
    unborn = asyncio.create_task(awaited(work, parent))
    for each in (task, unborn):
        each.cancel()
    await asyncio.gather(task, unborn, return_exceptions=True)
    assert task.cancelled()
    assert unborn.cancelled()


async def timed_out(work: Work, parent: Ids) -> None:
    """Have the work cancelled by a time-out."""
    try:
        await asyncio.wait_for(awaited(work, parent), 0.01)
    except TimeoutError:
        return
    raise AssertionError("no time-out")


async def stop(run: Ids) -> None:
    """Cancelled tasks."""
    await async_submit(run, cancelled, steps.waits)
    await async_submit(run, timed_out, steps.waits)


if __name__ == "__main__":
    main(async_columns_of(in_task, stop))
