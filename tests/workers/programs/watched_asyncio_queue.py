"""A watched ``asyncio.Queue`` between a producing and a consuming task."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import otelkit
from columns import Column, main
from truth import Ids, here, note, note_end

# The items are the ids of the spans that put them, so that the taker knows whom to link to.
Items = asyncio.Queue[Ids]
ITEMS = 4


@otelkit.stage("produce")
async def produce(parent: Ids, items: Items) -> None:
    note("produce", parent)
    await items.put(here())


@otelkit.stage("consume")
async def consume(parent: Ids, item: Ids) -> None:
    note("consume", parent, links=[item])
    await asyncio.sleep(0)


@otelkit.stage("consume badly")
async def consume_badly(parent: Ids, item: Ids) -> None:
    note("consume badly", parent, links=[item], outcome="error", error="ValueError")
    await asyncio.sleep(0)
    raise ValueError("on purpose")


@otelkit.stage("fan in")
async def fan_in(parent: Ids, items: Items) -> None:
    """Take several items in one call: it links to them all."""
    note("fan in", parent)
    note_end(links=[await items.get() for _ in range(ITEMS)])


@otelkit.stage("taking")
async def taking(parent: Ids, items: Items) -> AsyncIterator[Ids]:
    """Hand on what comes from the queue."""
    note("taking", parent, ok=ITEMS)
    taken = []
    for _ in range(ITEMS):
        taken.append(await items.get())
        note_end(links=taken)
        yield taken[-1]


@otelkit.stage("waits for an item")
async def waits_for_an_item(parent: Ids, items: Items) -> None:
    """Be cancelled while the queue is empty: nothing came, so nothing is linked."""
    note("waits for an item", parent, links=[], outcome="cancelled", ok=0)
    await items.get()


async def one_by_one(run: Ids, items: Items) -> None:
    for _ in range(ITEMS):
        await consume(run, await items.get())


async def failing(run: Ids, items: Items) -> None:
    for _ in range(ITEMS):
        try:
            await consume_badly(run, await items.get())
        except ValueError:
            continue
        raise AssertionError("nothing was raised")


async def iterating(run: Ids, items: Items) -> None:
    assert len([item async for item in taking(run, items)]) == ITEMS


async def cancelled(run: Ids, items: Items) -> None:
    await one_by_one(run, items)
    try:
        await asyncio.wait_for(waits_for_an_item(run, items), 0.02)
    except TimeoutError:
        return
    raise AssertionError("no time-out")


def between(consumer: Callable[[Ids, Items], Awaitable[None]]) -> Column:
    """Return a column: one task produces, another one runs ``consumer``."""

    async def both(run: Ids) -> None:
        items: Items = otelkit.watch(asyncio.Queue(2), "produce->consume")

        async def producing() -> None:
            for _ in range(ITEMS):
                await produce(run, items)

        await asyncio.gather(producing(), consumer(run, items))

    return lambda run: asyncio.run(both(run))


if __name__ == "__main__":
    main(
        {
            "plain": between(one_by_one),
            "fan-in": between(fan_in),
            "generator": between(iterating),
            "raises": between(failing),
            "stopped": between(cancelled),
        }
    )
