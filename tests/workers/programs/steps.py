"""The stages that workers run. Each is told whose work it does, and writes down that it ran."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from multiprocessing.connection import Connection
from typing import NoReturn

import otelkit
from truth import Ids, here, note

VALUES = 3

begun = threading.Event()
"""Set once `never_ends` is at work."""


@otelkit.stage("inner")
def inner(parent: Ids) -> None:
    """Run inside another stage."""
    note("inner", parent)


@otelkit.stage("plain")
def plain(parent: Ids) -> int:
    """Do some work, part of it in a stage inside."""
    note("plain", parent)
    inner(here())
    return os.getpid()


@otelkit.stage("raises")
def raises(parent: Ids) -> NoReturn:
    """Fail."""
    note("raises", parent, outcome="error", error="ValueError")
    raise ValueError("on purpose")


@otelkit.stage("numbers")
def numbers(parent: Ids) -> Iterator[int]:
    """Hand out some values."""
    note("numbers", parent, ok=VALUES)
    for number in range(VALUES):
        inner(here())
        yield number


@otelkit.stage("open numbers")
def open_numbers(parent: Ids) -> Iterator[int]:
    """Hand out values until closed."""
    note("open numbers", parent, outcome="cancelled", ok=2)
    while True:
        yield 1


@otelkit.stage("conversation")
def conversation(parent: Ids) -> Iterator[object]:
    """Take what is sent and thrown in; return a value by StopIteration."""
    note("conversation", parent, ok=3)
    told = yield "first"
    try:
        yield told
    except KeyError as error:
        yield error.args[0]
    return "done"


@otelkit.stage("consumer")
def iterate(parent: Ids) -> None:
    """Iterate in every way there is; what is done between two values is ours, never the generator's."""
    note("consumer", parent)
    for _ in numbers(here()):
        inner(here())
    left = open_numbers(here())
    assert [next(left), next(left)] == [1, 1]
    inner(here())
    left.close()
    # The last reference goes, so the collector closes it.
    forgotten = open_numbers(here())
    assert [next(forgotten), next(forgotten)] == [1, 1]
    del forgotten
    never_begun = numbers(here())
    del never_begun
    talk = conversation(here())
    assert next(talk) == "first"
    assert talk.send("second") == "second"  # type: ignore[attr-defined]  # annotated as what its consumers see
    inner(here())
    assert talk.throw(KeyError("third")) == "third"  # type: ignore[attr-defined]  # see above
    try:
        next(talk)
    except StopIteration as stop:
        assert stop.value == "done"


@otelkit.stage("async inner")
async def async_inner(parent: Ids) -> None:
    """Run inside another stage, and let others run meanwhile."""
    note("async inner", parent)
    await asyncio.sleep(0)


@otelkit.stage("async plain")
async def async_plain(parent: Ids) -> int:
    """Do some work, part of it in stages inside, while others work."""
    note("async plain", parent)
    await async_inner(here())
    await asyncio.sleep(0.001)
    inner(here())
    return os.getpid()


@otelkit.stage("async raises")
async def async_raises(parent: Ids) -> NoReturn:
    """Fail after a while."""
    note("async raises", parent, outcome="error", error="ValueError")
    await asyncio.sleep(0)
    raise ValueError("on purpose")


@otelkit.stage("async numbers")
async def async_numbers(parent: Ids) -> AsyncIterator[int]:
    """Hand out some values."""
    note("async numbers", parent, ok=VALUES)
    for number in range(VALUES):
        await async_inner(here())
        yield number


@otelkit.stage("open async numbers")
async def open_async_numbers(parent: Ids) -> AsyncIterator[int]:
    """Hand out values until closed."""
    note("open async numbers", parent, outcome="cancelled", ok=1)
    while True:
        yield 1
        await asyncio.sleep(0)


@otelkit.stage("async consumer")
async def async_iterate(parent: Ids) -> None:
    """Iterate to the end, and leave early; what is done between two values is ours."""
    note("async consumer", parent)
    async for _ in async_numbers(here()):
        await async_inner(here())
    left = open_async_numbers(here())
    async for _ in left:
        inner(here())
        break
    await left.aclose()  # type: ignore[attr-defined]  # annotated as what its consumers see
    # This one is left to the loop, which closes what the collector finds.
    async for _ in open_async_numbers(here()):
        break


def iterate_in_loop(parent: Ids) -> None:
    """Iterate in an event loop of the worker's own."""
    asyncio.run(async_iterate(parent))


@otelkit.stage("interrupted")
def interrupted(parent: Ids) -> NoReturn:
    """Be told to stop in the middle of the work."""
    note("interrupted", parent, outcome="cancelled", ok=0)
    raise KeyboardInterrupt


@otelkit.stage("leaves")
def leaves(parent: Ids) -> NoReturn:
    """Leave by ``sys.exit(0)``."""
    note("leaves", parent, outcome="cancelled", ok=0)
    raise SystemExit(0)


@otelkit.stage("waits")
async def waits(parent: Ids) -> None:
    """Wait until cancelled."""
    note("waits", parent, outcome="cancelled", ok=0)
    await asyncio.sleep(60)


@otelkit.stage("takes its time")
def takes_its_time(parent: Ids, released: threading.Event) -> int:
    """Go on until released, whoever has lost interest meanwhile."""
    note("takes its time", parent)
    assert released.wait(60)
    return 1


@otelkit.stage("dies")
def dies(parent: Ids) -> NoReturn:
    """Die by a signal that nobody can handle, in the middle of the work."""
    note("dies", parent, outcome="killed")
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("it lives")


def do_then_die(work: Callable[[Ids], object], parent: Ids) -> None:
    """Do something, see to it that it is on its way, and die doing the next thing."""
    work(parent)
    assert otelkit.flush(timeout_s=30)
    dies(parent)


@otelkit.stage("waits for its end")
def waits_for_its_end(parent: Ids, waiting: Connection) -> None:
    """Say so, and wait."""
    note("waits for its end", parent, outcome="killed")
    waiting.send("waiting")
    threading.Event().wait(600)


def do_then_wait(work: Callable[[Ids], object], parent: Ids, waiting: Connection) -> None:
    """Do something, and be in the middle of the next thing until the process is ended from outside."""
    work(parent)
    waits_for_its_end(parent, waiting)


@otelkit.stage("never ends")
def never_ends(parent: Ids) -> None:
    """Be in the middle of the work until the process ends."""
    note("never ends", parent, outcome="killed")
    begun.set()
    threading.Event().wait(600)
