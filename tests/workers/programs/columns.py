"""The columns of the matrix: what is done in each kind of worker. Every other program of this folder is one row.

Each column is a run of its own, named after it, so that its spans, counts and log lines can be told from those of the others.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import otelkit
import steps
from truth import Ids, here, note

# Any below: what a stage takes and returns is its own business.
Work = Callable[[Ids], Any]

Elsewhere = Callable[[Work, Ids], Any]
"""Runs a stage in a worker for the span with these ids; returns what it returns, raises what it raises."""

AsyncElsewhere = Callable[[Work, Ids], Awaitable[Any]]
"""The same, to be awaited."""

Column = Callable[[Ids], object]
"""Does what the column is about, for the run with these ids."""

AsyncColumn = Callable[[Ids], Coroutine[Any, Any, object]]


def main(columns: dict[str, Column]) -> None:
    """Run the columns that the command line names, each in a run of its own."""
    for name in sys.argv[1:]:
        with otelkit.run(name):
            note(name, ("", ""), is_run=True)
            columns[name](here())


def columns_of(elsewhere: Elsewhere, stop: Column, *, raised: type[BaseException] = ValueError) -> dict[str, Column]:
    """Return the columns of a row.

    Args:
        elsewhere: Has a worker do something.
        stop: Has work cancelled, or a worker killed.
        raised: What reaches the one who waits for a worker that raises a ValueError.
    """

    def plain(run: Ids) -> None:
        # A worker that lives longer than one task must work for who asks now, not for who asked first.
        for _ in range(3):
            submit(run, elsewhere, steps.plain)
        elsewhere(steps.plain, run)

    return {
        "plain": plain,
        "generator": lambda run: submit(run, elsewhere, steps.iterate),
        "async generator": lambda run: submit(run, elsewhere, steps.iterate_in_loop),
        "raises": lambda run: submit(run, elsewhere, steps.raises, raised),
        "stopped": stop,
    }


def async_columns_of(elsewhere: AsyncElsewhere, stop: AsyncColumn, *, in_threads: bool = False) -> dict[str, Column]:
    """Return the columns of a row whose work is awaited.

    Args:
        elsewhere: Has a worker do something.
        stop: Has work cancelled.
        in_threads: The workers run functions, not coroutines.
    """

    async def plain(run: Ids) -> None:
        work = steps.plain if in_threads else steps.async_plain
        await asyncio.gather(*(async_submit(run, elsewhere, work) for _ in range(3)))
        await elsewhere(work, run)

    async def generator(run: Ids) -> None:
        await async_submit(run, elsewhere, steps.iterate)

    async def async_generator(run: Ids) -> None:
        await async_submit(run, elsewhere, steps.iterate_in_loop if in_threads else steps.async_iterate)

    async def raises(run: Ids) -> None:
        await async_submit(run, elsewhere, steps.raises if in_threads else steps.async_raises, ValueError)

    return {
        "plain": lambda run: asyncio.run(plain(run)),
        "generator": lambda run: asyncio.run(generator(run)),
        "async generator": lambda run: asyncio.run(async_generator(run)),
        "raises": lambda run: asyncio.run(raises(run)),
        "stopped": lambda run: asyncio.run(stop(run)),
    }


@otelkit.stage("submit")
def submit(parent: Ids, elsewhere: Elsewhere, work: Work, raised: type[BaseException] | None = None) -> None:
    """Have a worker do something for this call."""
    note("submit", parent)
    try:
        elsewhere(work, here())
    except BaseException as error:
        assert raised is not None, error
        assert type(error) is raised, repr(error)
        assert not isinstance(error, ValueError) or error.args == ("on purpose",)
    else:
        assert raised is None, "nothing was raised"


@otelkit.stage("submit")
async def async_submit(
    parent: Ids, elsewhere: AsyncElsewhere, work: Work, raised: type[BaseException] | None = None
) -> None:
    """Have a worker do something for this call."""
    note("submit", parent)
    try:
        await elsewhere(work, here())
    except BaseException as error:
        assert raised is not None, error
        assert type(error) is raised, repr(error)
        assert not isinstance(error, ValueError) or error.args == ("on purpose",)
    else:
        assert raised is None, "nothing was raised"


async def awaited(work: Work, parent: Ids) -> Any:
    """Run a function or a coroutine function as a coroutine."""
    result = work(parent)
    return await result if inspect.isawaitable(result) else result
