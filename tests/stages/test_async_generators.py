"""Stages that are asynchronous generator functions."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import inspect
import logging
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.context import get_current

import otelkit
from otelkit.model.calls import Outcome
from otelkit.testing import Recorder
from tests.stages.transcripts import Pause, attempt, outside_is_untouched, sequences


class Wrong(Exception):
    """What tests raise."""


async def plain(n: int = 2) -> AsyncGenerator[Any, Any]:
    for number in range(n):
        await Pause("before")
        yield number


async def echoing() -> AsyncGenerator[Any, Any]:
    got = None
    while got != "stop":
        got = yield ("echo", got)


async def catching() -> AsyncGenerator[Any, Any]:
    for number in range(5):
        try:
            yield number
        except Wrong as error:
            await Pause("catching")
            yield f"caught {error}"


async def cleaning() -> AsyncGenerator[Any, Any]:
    try:
        yield 1
        yield 2
    finally:
        await Pause("cleanup")


async def stubborn() -> AsyncGenerator[Any, Any]:
    try:
        while True:
            yield "still here"
    except GeneratorExit:
        yield "ignored it once"


async def translating() -> AsyncGenerator[Any, Any]:
    try:
        yield 1
    except Exception as error:
        raise Wrong("translated") from error


async def leaking_stop() -> AsyncGenerator[Any, Any]:
    yield 1
    raise StopAsyncIteration("inside")


async def failing() -> AsyncGenerator[Any, Any]:
    yield 1
    raise Wrong("failed")


ZOO = [plain, echoing, catching, cleaning, stubborn, translating, leaking_stop, failing]

OPERATIONS = [
    ("anext", None),
    ("asend", 7),
    ("asend", "stop"),
    ("athrow", Wrong),
    ("athrow", StopAsyncIteration),
    ("athrow", GeneratorExit),
    ("aclose", None),
]


def driven(awaitable: Awaitable[Any]) -> Any:
    """Await to the end; return what it suspended with and its result."""
    steps = awaitable.__await__()
    suspended = []
    while True:
        try:
            suspended.append(next(steps))
        except StopIteration as end:
            return suspended, end.value


def transcript(generator: AsyncGenerator[Any, Any], operations: tuple[tuple[str, Any], ...]) -> list[Any]:
    said = []
    for operation, argument in operations:
        match operation:
            case "anext":
                said.append(attempt(driven, anext(generator)))
            case "asend":
                said.append(attempt(driven, generator.asend(argument)))
            case "athrow":
                said.append(attempt(driven, generator.athrow(argument("thrown"))))
            case "aclose":
                said.append(attempt(driven, generator.aclose()))
        said.append(generator.ag_running)
    said.append(attempt(driven, generator.aclose()))
    return said


@pytest.mark.parametrize("function", ZOO, ids=lambda function: function.__name__)
def test_a_staged_async_generator_answers_every_conversation_as_the_bare_one_does(
    function: Any, recorder: Recorder
) -> None:
    """anext, asend, athrow and aclose, in every order of three, give the same, and leave no trace outside."""
    staged = otelkit.stage(function)
    outside = get_current()
    for operations in sequences(OPERATIONS, 3):
        expected = transcript(function(), operations)
        actual = transcript(staged(), operations)

        assert expected == actual, operations
        outside_is_untouched(outside)


def test_it_is_an_async_generator_and_its_function_an_async_generator_function(recorder: Recorder) -> None:
    """What inspect says does not change."""
    staged = otelkit.stage(plain)
    values = staged()

    assert inspect.isasyncgenfunction(staged)
    assert inspect.isasyncgen(values)
    assert inspect.signature(plain) == inspect.signature(staged)
    assert (values.__name__, values.__qualname__) == ("plain", "plain")
    with pytest.raises(TypeError):
        staged(1, 2, 3)  # type: ignore[call-arg]  # wrong on purpose: it fails at the call


def test_the_consumer_is_never_a_child(recorder: Recorder) -> None:
    """The generator's own stages are its children; what is done between two values is not."""

    @otelkit.stage("read")
    async def read() -> AsyncIterator[int]:
        for number in range(2):
            with otelkit.stage("fetch"):
                await asyncio.sleep(0)
            yield number

    async def main() -> None:
        with otelkit.stage("consume"):
            async for _ in read():
                with otelkit.stage("use"):
                    await asyncio.sleep(0)

    asyncio.run(main())

    assert recorder.tree() == ["consume", "  read", "    fetch", "    fetch", "  use", "  use"]
    assert next(call for call in recorder.calls if call.stage.name == "read").items_ok == 2


def test_values_taken_by_different_tasks_never_complain(recorder: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    """One task starts it, others go on, the last one closes it: a fixture of an async test framework does just that."""

    async def main() -> None:
        values = otelkit.stage("read")(cleaning_with_sleep)()
        for _ in range(2):
            await asyncio.create_task(anext(values))  # type: ignore[arg-type]  # `anext` gives a coroutine here
        await asyncio.create_task(values.aclose())

    async def cleaning_with_sleep() -> AsyncGenerator[int, None]:
        try:
            while True:
                await asyncio.sleep(0)
                yield 1
        finally:
            with otelkit.stage("cleanup"):
                await asyncio.sleep(0)

    with caplog.at_level(logging.INFO):
        asyncio.run(main())

    assert [record.message for record in caplog.records] == []
    assert recorder.tree() == ["read", "  cleanup"]
    assert Outcome.CANCELLED is recorder.calls[-1].outcome


@pytest.mark.parametrize("still_held", [True, False])
def test_a_generator_left_behind_is_closed_once_by_the_event_loop(
    still_held: bool, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    """Whether it was collected or is still held when the loop ends: cleaned up once, by the loop, without a complaint."""
    cleaned = []
    kept = []

    @otelkit.stage("read")
    async def read() -> AsyncIterator[int]:
        try:
            for number in range(10):
                yield number
        finally:
            await asyncio.sleep(0)
            cleaned.append("once")

    async def main() -> None:
        values = read()
        async for _ in values:
            break
        if still_held:
            kept.append(values)
        else:
            del values
            gc.collect()
            while not cleaned:
                await asyncio.sleep(0)

    with caplog.at_level(logging.INFO):
        asyncio.run(asyncio.wait_for(main(), 20))

    assert cleaned == ["once"]
    assert [record.message for record in caplog.records] == []
    assert [call.outcome for call in recorder.calls] == [Outcome.CANCELLED]


def test_cancellation_of_the_consumer_inside_the_generator_is_no_error(recorder: Recorder) -> None:
    """It reaches the generator's own await and goes on its way."""

    @otelkit.stage("read")
    async def read(started: asyncio.Event) -> AsyncIterator[int]:
        yield 1
        started.set()
        await asyncio.Event().wait()

    async def consume(started: asyncio.Event) -> None:
        async for _ in read(started):
            pass

    async def main() -> None:
        started = asyncio.Event()
        task = asyncio.create_task(consume(started))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())

    assert [(call.outcome, call.items_ok) for call in recorder.calls] == [(Outcome.CANCELLED, 1)]


def test_an_error_is_the_calls(recorder: Recorder) -> None:
    """With the items before it."""

    async def main() -> None:
        async for _ in otelkit.stage("read")(failing)():
            pass

    with pytest.raises(Wrong):
        asyncio.run(main())

    assert [(call.outcome, call.items_ok, call.items_failed) for call in recorder.calls] == [(Outcome.ERROR, 1, 0)]


def test_it_serves_as_a_context_manager(recorder: Recorder) -> None:
    """contextlib's decorators take a stage like the bare function."""

    @asynccontextmanager
    @otelkit.stage("connection")
    async def connection() -> AsyncIterator[str]:
        yield "connected"

    async def main() -> str:
        async with connection() as state:
            assert not trace.get_current_span().get_span_context().is_valid
            return state

    assert asyncio.run(main()) == "connected"


def test_a_value_lives_no_longer_than_its_consumer_wants(recorder: Recorder) -> None:
    """The wrapper keeps no reference to what it has handed out."""

    class Big:
        pass

    @otelkit.stage("read")
    async def read() -> AsyncIterator[Big]:
        yield Big()
        yield Big()

    async def main() -> None:
        values = read()
        was_yielded = weakref.ref(await anext(values))

        assert was_yielded() is None
        await anext(values)

    asyncio.run(main())


def test_closed_in_another_context_it_never_complains(recorder: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    """Suspended inside an await, and closed from elsewhere."""

    @otelkit.stage("read")
    async def read() -> AsyncIterator[int]:
        await Pause()
        yield 1

    with caplog.at_level(logging.DEBUG):
        step = anext(aiter(read()))
        contextvars.copy_context().run(step.__await__().__next__)
        del step
        contextvars.Context().run(gc.collect)

    assert [record.message for record in caplog.records] == []
    assert [call.outcome for call in recorder.calls] == [Outcome.CANCELLED]


def test_without_otelkit_the_bare_generator_is_returned() -> None:
    """Not even a wrapper is left around the iteration."""
    assert otelkit.stage(plain)().ag_code is plain.__code__
