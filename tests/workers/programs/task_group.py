"""An ``asyncio.TaskGroup`` for each piece of work; one that fails cancels the others."""

from __future__ import annotations

import asyncio

import steps
from columns import Work, async_columns_of, async_submit, awaited, main
from truth import Ids


async def grouped(work: Work, parent: Ids) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(awaited(work, parent))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def failing(work: Work, parent: Ids) -> None:
    """Let one task fail while two wait."""
    try:
        async with asyncio.TaskGroup() as group:
            for each in (work, work):
                group.create_task(awaited(each, parent))
            await asyncio.sleep(0.01)
            group.create_task(awaited(steps.async_raises, parent))
    except ExceptionGroup as errors:
        assert [type(error) for error in errors.exceptions] == [ValueError]
        return
    raise AssertionError("nothing was raised")


async def stop(run: Ids) -> None:
    """Tasks that are cancelled because another one failed."""
    await async_submit(run, failing, steps.waits)


if __name__ == "__main__":
    main(async_columns_of(grouped, stop))
