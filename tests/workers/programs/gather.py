"""``asyncio.gather`` over several pieces of work at a time."""

from __future__ import annotations

import asyncio
from typing import Any

import steps
from columns import Work, async_columns_of, async_submit, awaited, main
from truth import Ids


async def gathered(work: Work, parent: Ids) -> Any:
    return await asyncio.gather(*(awaited(work, parent) for _ in range(3)))


async def cancelled(work: Work, parent: Ids) -> None:
    """Cancel all of them at once."""
    together = asyncio.gather(*(awaited(work, parent) for _ in range(3)))
    await asyncio.sleep(0.01)
    together.cancel()
    try:
        await together
    except asyncio.CancelledError:
        return
    raise AssertionError("not cancelled")


async def stop(run: Ids) -> None:
    """A cancelled gather."""
    await async_submit(run, cancelled, steps.waits)


if __name__ == "__main__":
    main(async_columns_of(gathered, stop))
