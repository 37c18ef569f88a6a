"""``asyncio.to_thread`` for each piece of work."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import steps
from columns import Work, async_columns_of, async_submit, main
from truth import Ids


async def in_thread(work: Work, parent: Ids) -> Any:
    return await asyncio.to_thread(work, parent)


async def abandoned(work: Work, parent: Ids) -> None:
    """Cancel who waits: the thread goes on, and its call is whole."""
    released = threading.Event()
    waiting = asyncio.create_task(asyncio.to_thread(steps.takes_its_time, parent, released))
    await asyncio.sleep(0.05)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert waiting.cancelled()
    released.set()


async def stop(run: Ids) -> None:
    """A cancelled wait for a thread."""
    await async_submit(run, abandoned, steps.plain)


if __name__ == "__main__":
    main(async_columns_of(in_thread, stop, in_threads=True))
