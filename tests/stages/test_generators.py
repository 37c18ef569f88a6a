"""Stages that are generator functions."""

from __future__ import annotations

import contextlib
import contextvars
import gc
import inspect
import logging
import threading
import weakref
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.context import get_current
from opentelemetry.trace import StatusCode

import otelkit
from otelkit import names
from otelkit.model.calls import Outcome
from otelkit.testing import Recorder
from tests.stages.transcripts import attempt, outside_is_untouched, sequences


class Wrong(Exception):
    """What tests raise."""


def plain(n: int = 2) -> Generator[int, Any, str]:
    for number in range(n):
        yield number + 0
    return "end"


def echoing() -> Generator[Any, Any, str]:
    got = None
    while got != "stop":
        got = yield ("echo", got)
    return "stopped"


def catching() -> Generator[Any, Any, str]:
    for number in range(5):
        try:
            yield number
        except Wrong as error:
            yield f"caught {error}"
    return "end"


def cleaning() -> Generator[Any, Any, str]:
    try:
        yield 1
        yield 2
    finally:
        raise KeyError("in cleanup")
    return "never"


def stubborn() -> Generator[Any, Any, None]:
    while True:
        try:
            yield "still here"
        except GeneratorExit:
            yield "ignored it"


def yielding_to_close() -> Generator[Any, Any, str]:
    with contextlib.suppress(GeneratorExit):
        yield 1
    return "closed well"


def translating() -> Generator[Any, Any, None]:
    try:
        yield 1
    except Exception as error:
        raise Wrong("translated") from error


def leaking_stop() -> Generator[Any, Any, None]:
    yield 1
    raise StopIteration("inside")


def delegating() -> Generator[Any, Any, Any]:
    result = yield from catching()
    yield ("delegate returned", result)
    return (yield from plain())


def failing() -> Generator[Any, Any, None]:
    yield 1
    raise Wrong("failed")


def empty() -> Generator[Any, Any, str]:
    return "nothing"
    yield


ZOO = [
    plain, echoing, catching, cleaning, stubborn, yielding_to_close, translating, leaking_stop, delegating, failing, empty,
]  # fmt: skip

OPERATIONS = [
    ("next", None),
    ("send", 7),
    ("send", "stop"),
    ("throw", Wrong),
    ("throw", StopIteration),
    ("throw", GeneratorExit),
    ("throw", KeyboardInterrupt),
    ("close", None),
]


def transcript(generator: Generator[Any, Any, Any], operations: tuple[tuple[str, Any], ...]) -> list[Any]:
    said = []
    for operation, argument in operations:
        match operation:
            case "next":
                said.append(attempt(next, generator))
            case "send":
                said.append(attempt(generator.send, argument))
            case "throw":
                said.append(attempt(generator.throw, argument("thrown")))
            case "close":
                said.append(attempt(generator.close))
        said.append((inspect.getgeneratorstate(generator), generator.gi_running))
    said.append(attempt(generator.close))
    return said


@pytest.mark.parametrize("function", ZOO, ids=lambda function: function.__name__)
def test_a_staged_generator_answers_every_conversation_as_the_bare_one_does(function: Any, recorder: Recorder) -> None:
    """next, send, throw and close, in every order of three, give the same values and errors, and leave no trace outside."""
    staged = otelkit.stage(function)
    outside = get_current()
    for operations in sequences(OPERATIONS, 3):
        expected = transcript(function(), operations)
        actual = transcript(staged(), operations)

        assert expected == actual, operations
        outside_is_untouched(outside)


def test_it_is_a_generator_and_its_function_a_generator_function(recorder: Recorder) -> None:
    """What inspect says of the function and of what it returns does not change."""
    staged = otelkit.stage(plain)
    values = staged()

    assert inspect.isgeneratorfunction(staged)
    assert inspect.isfunction(staged)
    assert inspect.isgenerator(values)
    assert inspect.signature(plain) == inspect.signature(staged)
    assert inspect.getfullargspec(plain) == inspect.getfullargspec(staged)
    assert (plain.__name__, plain.__qualname__, plain.__doc__) == (staged.__name__, staged.__qualname__, staged.__doc__)
    assert (values.__name__, values.__qualname__) == ("plain", "plain")
    assert inspect.getsource(plain) == inspect.getsource(staged)


def test_wrong_arguments_are_an_error_of_the_call_itself(recorder: Recorder) -> None:
    """As for every generator function, the TypeError comes when it is called, and nothing was counted."""
    with pytest.raises(TypeError, match="unexpected keyword argument 'm'"):
        otelkit.stage(plain)(m=1)  # type: ignore[call-arg]  # that is the point

    assert recorder.calls == []


def test_the_span_is_current_inside_and_never_between_two_values(recorder: Recorder) -> None:
    """What the generator does belongs to its span; what its consumer does, to the consumer's."""

    @otelkit.stage("read")
    def read() -> Iterator[int]:
        for number in range(2):
            with otelkit.stage("open"):
                pass
            yield number

    with otelkit.stage("consume"):
        for _ in read():
            with otelkit.stage("use"):
                pass

    assert recorder.tree() == ["consume", "  read", "    open", "    open", "  use", "  use"]


def test_a_generator_is_the_child_of_where_it_was_called(recorder: Recorder) -> None:
    """Not of where it is iterated."""
    read = otelkit.stage("read")(plain)
    with otelkit.stage("caller"):
        values = read()
    with otelkit.stage("consumer"):
        list(values)

    assert recorder.tree() == ["caller", "  read", "consumer"]


def test_two_interleaved_generators_keep_their_own_children(recorder: Recorder) -> None:
    """Each resumes in its own span, in whatever order they are driven."""

    def work(name: str) -> Iterator[None]:
        for _ in range(2):
            with otelkit.stage(f"part of {name}"):
                pass
            yield

    left, right = otelkit.stage("left")(work)("left"), otelkit.stage("right")(work)("right")
    for _ in range(3):
        next(left, None)
        next(right, None)

    assert recorder.tree() == [
        "left",
        "  part of left",
        "  part of left",
        "right",
        "  part of right",
        "  part of right",
    ]


def test_a_block_held_open_across_a_yield_stays_open_inside_and_is_closed_outside(recorder: Recorder) -> None:
    """The generator finds on resumption what was current when it yielded; its consumer never sees it."""

    @otelkit.stage("read")
    def read() -> Iterator[int]:
        with otelkit.stage("file"):
            yield 1
            with otelkit.stage("decode"):
                pass
            yield 2

    for _ in read():
        with otelkit.stage("use"):
            pass

    assert recorder.tree() == ["read", "  file", "    decode", "use", "use"]


def test_a_generator_moved_between_threads_and_contexts_never_complains(
    recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    """Started in one context, resumed in a thread, closed in a third context: "Failed to detach context" is never logged."""
    read = otelkit.stage("read")(plain)
    values = read(10)
    with caplog.at_level(logging.DEBUG):
        contextvars.copy_context().run(next, values)
        thread = threading.Thread(target=next, args=(values,))
        thread.start()
        thread.join()
        contextvars.Context().run(next, values)
        contextvars.Context().run(values.close)

    assert [record.message for record in caplog.records] == []
    assert recorder.calls[0].items_ok == 3


def test_a_generator_never_started_is_no_call(recorder: Recorder) -> None:
    """Neither a span nor a count."""
    values = otelkit.stage(plain)()
    values.close()
    del values
    otelkit.stage(plain)()

    assert (recorder.spans, recorder.calls) == ([], [])


def test_each_value_is_an_item_and_the_call_lasts_to_the_end(recorder: Recorder) -> None:
    """One call, two items."""
    assert list(otelkit.stage("read")(plain)()) == [0, 1]

    span = recorder.span("read")
    assert span.attributes is not None
    assert span.attributes[names.ITEMS_OK] == 2
    assert span.attributes[names.STAGE_KIND] == "generator"
    assert [call.outcome for call in recorder.calls] == [Outcome.OK]


@pytest.mark.parametrize("how", ["break", "close", "collection"])
def test_an_iteration_left_early_is_cancelled_and_no_error(how: str, recorder: Recorder) -> None:
    """Whether by break, by close or because nobody holds the generator any more."""
    values = otelkit.stage("read")(plain)(10)
    next(values)
    if how == "break":
        for _ in values:
            break
    if how == "close":
        values.close()
    del values
    gc.collect()

    span = recorder.span("read")
    assert StatusCode.UNSET is span.status.status_code
    assert span.attributes is not None
    assert span.attributes[names.STAGE_OUTCOME] == "cancelled"
    assert names.ERROR_TYPE not in span.attributes


def test_a_generator_that_ends_quietly_when_closed_was_cancelled_too(recorder: Recorder) -> None:
    """It swallowed GeneratorExit, but it did not come to its own end."""
    values = otelkit.stage("read")(yielding_to_close)()
    next(values)
    values.close()

    assert [call.outcome for call in recorder.calls] == [Outcome.CANCELLED]


def test_an_error_that_leaves_the_generator_is_the_calls(recorder: Recorder) -> None:
    """With its type, its event and its status, and the items before it."""
    with pytest.raises(Wrong, match="failed"):
        list(otelkit.stage("read")(failing)())

    span = recorder.span("read")
    assert StatusCode.ERROR is span.status.status_code
    assert span.attributes is not None
    assert (span.attributes[names.ITEMS_OK], span.attributes.get(names.ITEMS_FAILED)) == (1, None)
    assert f"{Wrong.__module__}.Wrong" == span.attributes[names.ERROR_TYPE]
    assert [event.name for event in span.events] == ["exception"]


def test_a_value_lives_no_longer_than_its_consumer_wants(recorder: Recorder) -> None:
    """The wrapper keeps no reference to what it has handed out, nor to the arguments."""

    class Big:
        pass

    @otelkit.stage("read")
    def read(argument: Big) -> Iterator[Big]:
        del argument
        yield Big()
        yield Big()

    argument = Big()
    was_given = weakref.ref(argument)
    values = read(argument)
    was_yielded = weakref.ref(next(values))
    del argument

    assert was_yielded() is None
    assert was_given() is None


def test_no_cycle_keeps_a_failed_generator_or_its_error_alive(recorder: Recorder) -> None:
    """Everything is freed at once, without the garbage collector."""
    gc.collect()
    gc.disable()
    try:
        values = otelkit.stage("read")(catching)()
        next(values)
        error = KeyError("thrown")
        was_generator = weakref.ref(values)
        with pytest.raises(KeyError) as raised:
            values.throw(error)
        del raised, error, values
        recorder.calls.clear()

        assert was_generator() is None
    finally:
        gc.enable()


def test_without_otelkit_the_bare_generator_is_returned() -> None:
    """Not even a wrapper is left around the iteration."""
    values = otelkit.stage(plain)()

    assert values.gi_code is plain.__code__


def test_methods_bind(recorder: Recorder) -> None:
    """A generator stage is a method like any other, on the instance and on the class."""

    class Reader:
        size = 2

        @otelkit.stage
        def read(self) -> Iterator[int]:
            yield from range(self.size)

        @otelkit.stage
        @classmethod
        def every(cls) -> Iterator[int]:
            yield cls.size

        @staticmethod
        @otelkit.stage
        def none() -> Iterator[int]:
            yield from ()

    reader = Reader()

    assert (
        list(reader.read()),
        list(Reader.read(reader)),
        list(Reader.every()),
        list(reader.none()),
    ) == ([0, 1], [0, 1], [2], [])
    assert inspect.ismethod(reader.read)
    assert inspect.isgeneratorfunction(reader.read)


def test_the_api_of_opentelemetry_sees_the_span_inside_only(recorder: Recorder) -> None:
    """Other instrumentations parent to the stage as usual."""

    @otelkit.stage("read")
    def read() -> Iterator[str]:
        yield str(trace.get_current_span().get_span_context().span_id)

    values = read()

    assert next(values) == "1"
    assert not trace.get_current_span().get_span_context().is_valid
