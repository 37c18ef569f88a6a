"""Stages that are coroutine functions."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import inspect
import logging
import types
import warnings
import weakref
from collections.abc import Callable, Coroutine, Generator
from typing import Any

import pytest
from opentelemetry.context import get_current
from opentelemetry.trace import StatusCode

import otelkit
from otelkit import names
from otelkit.model.calls import Outcome
from otelkit.testing import Recorder
from tests.stages.transcripts import Pause, attempt, outside_is_untouched, sequences


class Wrong(Exception):
    """What tests raise."""


async def pausing() -> list[Any]:
    return [await Pause("first"), await Pause("second")]


async def catching() -> Any:
    try:
        return await Pause("first")
    except Wrong as error:
        return await Pause(f"caught {error}")


async def cleaning() -> None:
    try:
        await Pause("first")
    except Exception:
        await Pause("cleanup")
        raise


async def translating() -> None:
    try:
        await Pause("first")
    except Exception as error:
        raise Wrong("translated") from error


async def failing() -> None:
    await Pause("first")
    raise Wrong("failed")


async def stopping() -> None:
    raise StopIteration("inside")


async def at_once() -> str:
    return "done"


ZOO = [pausing, catching, cleaning, translating, failing, stopping, at_once]

OPERATIONS = [
    ("send", None),
    ("send", 7),
    ("throw", Wrong),
    ("throw", asyncio.CancelledError),
    ("close", None),
]
# Not throw(GeneratorExit), which nothing but close does: what awaits another coroutine, as a wrapper must, closes that one and
# raises GeneratorExit itself (PEP 380), so that only its __context__ can tell.


def transcript(coroutine: Coroutine[Any, Any, Any], operations: tuple[tuple[str, Any], ...]) -> list[Any]:
    said = []
    for operation, argument in operations:
        match operation:
            case "send":
                said.append(attempt(coroutine.send, argument))
            case "throw":
                said.append(attempt(coroutine.throw, argument("thrown")))
            case "close":
                said.append(attempt(coroutine.close))
        said.append(inspect.getcoroutinestate(coroutine))
    said.append(attempt(coroutine.close))
    return said


@pytest.mark.parametrize("function", ZOO, ids=lambda function: function.__name__)
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_a_staged_coroutine_answers_every_driver_as_the_bare_one_does(function: Any, recorder: Recorder) -> None:
    """send, throw and close, in every order of three, give the same, and leave no trace outside."""
    staged = otelkit.stage(function)
    outside = get_current()
    for operations in sequences(OPERATIONS, 3):
        expected = transcript(function(), operations)
        actual = transcript(staged(), operations)

        assert expected == actual, operations
        outside_is_untouched(outside)


def test_it_is_a_coroutine_function(recorder: Recorder) -> None:
    """What inspect and asyncio say of it does not change."""
    staged = otelkit.stage(pausing)
    coroutine = staged()

    assert inspect.iscoroutinefunction(staged)
    assert inspect.isfunction(staged)
    assert inspect.iscoroutine(coroutine)
    assert (coroutine.__name__, coroutine.__qualname__) == ("pausing", "pausing")
    assert inspect.signature(pausing) == inspect.signature(staged)
    coroutine.close()


def test_a_coroutine_never_awaited_warns_as_ever_and_is_no_call(recorder: Recorder) -> None:
    """The one warning names the user's function."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        otelkit.stage(pausing)()
        gc.collect()

    assert [str(warning.message) for warning in caught] == ["coroutine 'pausing' was never awaited"]
    assert recorder.calls == []


def test_concurrent_tasks_have_their_own_parents(recorder: Recorder) -> None:
    """Stages inside a task belong to that task's stage, however the tasks take turns."""

    @otelkit.stage("inner")
    async def inner() -> None:
        await asyncio.sleep(0)

    @otelkit.stage("outer")
    async def outer() -> None:
        await asyncio.sleep(0)
        await inner()
        await asyncio.gather(inner(), inner())

    async def main() -> None:
        await asyncio.gather(outer(), outer())

    asyncio.run(main())
    outers = [span.context.span_id for span in recorder.named("outer")]

    assert sorted(outers * 3) == sorted(span.parent.span_id for span in recorder.named("inner") if span.parent)


def test_coroutines_driven_in_turns_by_hand_keep_their_own_children(recorder: Recorder) -> None:
    """Two coroutines take turns in one context, without a task around each: neither becomes the other's parent."""

    async def work(name: str) -> None:
        for _ in range(2):
            with otelkit.stage(f"part of {name}"):
                await Pause()

    left, right = otelkit.stage("left")(work)("left"), otelkit.stage("right")(work)("right")
    for _ in range(3):
        for coroutine in (left, right):
            attempt(coroutine.send, None)

    assert recorder.tree() == [
        "left",
        "  part of left",
        "  part of left",
        "right",
        "  part of right",
        "  part of right",
    ]


@pytest.mark.parametrize("caught", [False, True])
def test_cancellation_passes_through_and_is_no_error(caught: bool, recorder: Recorder) -> None:
    """The task is cancelled; the call says so; nothing is an error. A coroutine that survives it is simply fine."""

    @otelkit.stage("wait")
    async def wait(started: asyncio.Event) -> str:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if not caught:
                raise
        return "survived"

    async def main() -> Any:
        started = asyncio.Event()
        task = asyncio.create_task(wait(started))
        await started.wait()
        task.cancel("enough")
        return await asyncio.gather(task, return_exceptions=True)

    (result,) = asyncio.run(main())

    assert (result == "survived") if caught else isinstance(result, asyncio.CancelledError)
    assert [Outcome.OK if caught else Outcome.CANCELLED] == [call.outcome for call in recorder.calls]
    assert StatusCode.UNSET is recorder.span("wait").status.status_code
    assert (caught, 0) == (recorder.calls[0].items_ok, recorder.calls[0].items_failed)


def test_a_timeout_cuts_a_stage_as_it_cuts_a_coroutine(recorder: Recorder) -> None:
    """asyncio.timeout turns the cancellation into TimeoutError outside of the stage, not inside."""

    @otelkit.stage("inner")
    async def inner() -> None:
        await asyncio.Event().wait()

    @otelkit.stage("outer")
    async def outer() -> None:
        async with asyncio.timeout(0.001):
            await inner()

    with pytest.raises(TimeoutError):
        asyncio.run(outer())

    assert {call.stage.name: call.outcome for call in recorder.calls} == {
        "inner": Outcome.CANCELLED,
        "outer": Outcome.ERROR,
    }


def test_an_error_keeps_its_traceback(recorder: Recorder) -> None:
    """The user's own line is the last one; the error is the very object."""
    error = Wrong("failed")

    @otelkit.stage("fail")
    async def fail() -> None:
        raise error

    with pytest.raises(Wrong) as raised:
        asyncio.run(fail())

    assert error is raised.value
    assert raised.traceback[-1].name == "fail"
    assert error.__context__ is None
    assert names.ERROR_TYPE in (recorder.span("fail").attributes or {})


def test_a_coroutine_closed_elsewhere_never_complains(recorder: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    """The event loop is gone, the garbage collector closes what is left in another context; its call is cancelled."""

    @otelkit.stage("wait")
    async def wait() -> None:
        with otelkit.stage("block"):
            await Pause()

    with caplog.at_level(logging.DEBUG):
        coroutine = wait()
        contextvars.copy_context().run(coroutine.send, None)
        contextvars.Context().run(coroutine.close)

    assert [record.message for record in caplog.records] == []
    assert recorder.tree() == ["wait", "  block"]
    assert {Outcome.CANCELLED} == {call.outcome for call in recorder.calls}


def test_what_is_only_marked_as_a_coroutine_function_works_too(recorder: Recorder) -> None:
    """A callable whose ``__call__`` is a coroutine function, and a generator-based coroutine inside."""

    @types.coroutine
    def old() -> Generator[Any, Any, Any]:
        return (yield "from old")

    class Callable_:
        limit = 3

        async def __call__(self, n: int) -> Any:
            with otelkit.stage("inside"):
                return n, await old()

    staged: Callable[[int], Any] = otelkit.stage("callable")(Callable_())
    coroutine = staged(1)

    assert coroutine.send(None) == "from old"
    assert attempt(coroutine.send, "sent") == ("raised", "StopIteration", "(1, 'sent')", (), (), False)
    assert recorder.tree() == ["callable", "  inside"]
    assert staged.limit == 3  # type: ignore[attr-defined]  # the callable's own attribute shines through


def test_no_cycle_keeps_a_failed_call_alive(recorder: Recorder) -> None:
    """Its arguments are freed with its error, without the garbage collector."""

    class Big:
        pass

    @otelkit.stage("fail")
    async def fail(big: Big) -> None:
        await Pause()
        raise Wrong

    gc.collect()
    gc.disable()
    try:
        big = Big()
        was_big = weakref.ref(big)
        coroutine = fail(big)
        coroutine.send(None)
        with pytest.raises(Wrong) as raised:
            coroutine.send(None)
        del big, raised, coroutine
        recorder.calls.clear()

        assert was_big() is None
    finally:
        gc.enable()


def test_without_otelkit_it_only_awaits() -> None:
    """The result is the function's own."""
    assert asyncio.run(otelkit.stage(at_once)()) == "done"
