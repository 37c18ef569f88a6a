"""Stages that are plain functions."""

from __future__ import annotations

import copy
import functools
import gc
import inspect
import pickle
import traceback
import types
import typing
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import create_autospec

import pytest
from opentelemetry import trace
from opentelemetry.context import get_current
from opentelemetry.trace import StatusCode

import otelkit
from otelkit import names
from otelkit.model.calls import Outcome
from otelkit.testing import Recorder


class Wrong(Exception):
    """What tests raise."""


@otelkit.stage
def parse(path: str, /, *lines: int, strict: bool = True, **more: Any) -> tuple[Any, ...]:
    """Parse it."""
    return (path, lines, strict, more)


def bare(path: str, /, *lines: int, strict: bool = True, **more: Any) -> tuple[Any, ...]:
    """Parse it."""
    return (path, lines, strict, more)


def test_everything_that_can_be_asked_of_the_function_is_as_before() -> None:
    """Name, docstring, annotations, signature, source and kind."""
    assert (parse.__name__, parse.__qualname__, parse.__module__) == ("parse", "parse", __name__)
    assert parse.__doc__ == bare.__doc__
    assert parse.__annotations__ == bare.__annotations__
    assert inspect.signature(parse) == inspect.signature(bare)
    assert inspect.signature(parse, eval_str=True) == inspect.signature(bare, eval_str=True)
    assert inspect.isfunction(parse)
    assert not inspect.iscoroutinefunction(parse)
    assert inspect.getsource(parse).startswith("@otelkit.stage\ndef parse(")


def test_arguments_and_results_pass_through(recorder: Recorder) -> None:
    """Positional-only, variable and keyword arguments alike; also one that is called ``self``, ``function`` or ``stage``."""
    assert parse("a", 1, 2, strict=False, self=1, function=2, stage=3) == (
        "a", (1, 2), False, {"self": 1, "function": 2, "stage": 3},
    )  # fmt: skip


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_module_level_stage_pickles_by_name(protocol: int) -> None:
    """So it can be sent to a process pool."""
    assert pickle.loads(pickle.dumps(parse, protocol)) is parse
    assert copy.deepcopy(parse) is parse


def test_an_error_passes_through_unchanged(recorder: Recorder) -> None:
    """The same object, the same context and cause, and a traceback that ends in the user's own line."""
    error = Wrong("failed")
    cause = KeyError("cause")

    @otelkit.stage
    def fail() -> None:
        raise error from cause

    with pytest.raises(Wrong) as raised:
        fail()

    frames = traceback.extract_tb(raised.value.__traceback__)
    assert raised.value is error
    assert (error.__cause__, error.__context__) == (cause, None)
    assert (frames[-1].name, frames[-1].line) == ("fail", "raise error from cause")


def test_wrong_arguments_are_the_functions_own_error(recorder: Recorder) -> None:
    """The message names the function as ever."""
    with pytest.raises(TypeError, match=r"^parse\(\) missing 1 required positional argument: 'path'$"):
        parse()  # type: ignore[call-arg]  # that is the point


@pytest.mark.requirement("TRC-16", "TRC-31")
def test_a_failed_call_says_why(recorder: Recorder) -> None:
    """Status, error.type, and the exception with its traceback as an event; one failed item."""

    @otelkit.stage("fail")
    def fail() -> None:
        raise Wrong("no good")

    with pytest.raises(Wrong):
        fail()

    span = recorder.span("fail")
    attributes = dict(span.attributes or {})
    (event,) = span.events
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "Wrong: no good")
    assert attributes[names.ERROR_TYPE] == f"{__name__}.Wrong"
    assert (attributes[names.STAGE_OUTCOME], attributes[names.ITEMS_FAILED]) == ("error", 1)
    assert names.ITEMS_OK not in attributes
    assert event.attributes is not None
    assert event.attributes["exception.message"] == "no good"
    assert "raise Wrong" in str(event.attributes["exception.stacktrace"])


def test_an_error_that_cannot_be_printed_is_still_an_error(recorder: Recorder) -> None:
    """Its __str__ raises: the call is recorded without its message, and the user's error goes on."""

    class Unprintable(Exception):
        def __str__(self) -> str:
            raise RuntimeError("can't even say")

    @otelkit.stage("fail")
    def fail() -> None:
        raise Unprintable

    with pytest.raises(Unprintable):
        fail()

    assert recorder.span("fail").status.description == "Unprintable: (its message can't be read)"
    assert [event.name for event in recorder.span("fail").events] == ["exception"]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (KeyboardInterrupt(), Outcome.CANCELLED),
        (SystemExit(), Outcome.CANCELLED),
        (SystemExit(0), Outcome.CANCELLED),
        (SystemExit(3), Outcome.ERROR),
        (SystemExit("usage"), Outcome.ERROR),
        (GeneratorExit(), Outcome.CANCELLED),
        (ValueError(), Outcome.ERROR),
        (BaseExceptionGroup("both", [KeyboardInterrupt()]), Outcome.ERROR),
    ],
    ids=repr,
)
def test_being_told_to_stop_is_no_error(error: BaseException, outcome: Outcome, recorder: Recorder) -> None:
    """Ctrl-C and a clean exit are cancelled, everything else that leaves is an error."""

    @otelkit.stage("stop")
    def stop() -> None:
        raise error

    with pytest.raises(type(error)):
        stop()

    (call,) = recorder.calls
    assert (call.outcome, call.items_ok, call.items_failed) == (outcome, 0, int(outcome is Outcome.ERROR))
    assert (names.ERROR_TYPE in (recorder.span("stop").attributes or {})) == (outcome is Outcome.ERROR)


@pytest.mark.requirement("TRC-06", "TRC-10")
def test_a_stage_in_a_stage_is_its_child(recorder: Recorder) -> None:
    """And after it nothing is current any more."""

    @otelkit.stage("inner")
    def inner(depth: int) -> int:
        return inner(depth - 1) if depth else 0

    @otelkit.stage("outer")
    def outer() -> None:
        inner(1)
        inner(0)

    before = get_current()
    outer()

    assert recorder.tree() == ["outer", "  inner", "    inner", "  inner"]
    assert get_current() is before


def test_a_context_that_the_function_leaves_attached_does_not_leak(recorder: Recorder) -> None:
    """What is current after the call is what was current before."""

    @otelkit.stage
    def careless() -> None:
        trace.use_span(trace.INVALID_SPAN).__enter__()  # never left

    before = get_current()
    careless()

    assert get_current() is before


def test_no_cycle_keeps_a_failed_call_alive(recorder: Recorder) -> None:
    """What the failed call held is freed with its error, without the garbage collector."""

    class Big:
        pass

    @otelkit.stage
    def fail(big: Big) -> None:
        raise Wrong

    gc.collect()
    gc.disable()
    try:
        big = Big()
        was_big = weakref.ref(big)
        with pytest.raises(Wrong) as raised:
            fail(big)
        del big, raised
        recorder.calls.clear()

        assert was_big() is None
    finally:
        gc.enable()


def test_without_otelkit_it_passes_through() -> None:
    """The function is called, and that is all."""
    assert parse("a") == ("a", (), True, {})


def test_methods_of_every_kind_are_stages(recorder: Recorder) -> None:
    """On top of and below @staticmethod, @classmethod; inherited; with super(); called on class and instance."""

    class Base:
        factor = 2

        @otelkit.stage
        def plain(self, x: int) -> int:
            return x * self.factor

        @otelkit.stage
        @classmethod
        def above(cls, x: int) -> int:
            return x * cls.factor

        @classmethod
        @otelkit.stage
        def below(cls, x: int) -> int:
            return x * cls.factor

        @otelkit.stage
        @staticmethod
        def static_above(x: int) -> int:
            return x

        @staticmethod
        @otelkit.stage
        def static_below(x: int) -> int:
            return x

    class Derived(Base):
        factor = 3

        @otelkit.stage
        def plain(self, x: int) -> int:
            return super().plain(x) + 1

    thing = Derived()

    assert (thing.plain(1), Derived.plain(thing, 1), Base.plain(thing, 1)) == (4, 4, 3)
    assert (thing.above(1), Derived.above(1), thing.below(1), Derived.below(1)) == (3, 3, 3, 3)
    assert (thing.static_above(1), Derived.static_above(1), thing.static_below(1)) == (1, 1, 1)
    assert inspect.ismethod(thing.plain)
    prefix = "test_functions.test_methods_of_every_kind_are_stages"
    assert {call.stage.name.removeprefix(prefix) for call in recorder.calls} == {
        ".Base.plain", ".Base.above", ".Base.below", ".Base.static_above", ".Base.static_below", ".Derived.plain",
    }  # fmt: skip


def test_callables_that_are_no_functions_keep_their_own_attributes(recorder: Recorder) -> None:
    """A cached function can still be cleared, a partial still has its ``func``, a built-in is still callable."""

    @otelkit.stage("cached")
    @functools.cache
    def cached(x: int) -> int:
        return x

    half = otelkit.stage("half")(functools.partial(pow, 2))
    length: Callable[[Any], int] = otelkit.stage("length")(len)

    assert (cached(1), cached(1), half(3), length("abc")) == (1, 1, 8, 3)
    assert cached.cache_info().hits == 1
    assert half.func is pow
    assert {call.stage.name for call in recorder.calls} == {"cached", "half", "length"}
    assert pickle.loads(pickle.dumps(half))(3) == 8


def test_many_threads_at_once_count_right(recorder: Recorder) -> None:
    """Every call is counted once, and parents are those of the own thread."""

    @otelkit.stage("inner")
    def inner() -> None:
        pass

    @otelkit.stage("outer")
    def outer(_: int) -> None:
        inner()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(outer, range(200)))

    parents = [span.parent.span_id for span in recorder.named("inner") if span.parent]
    assert sorted(parents) == sorted(span.context.span_id for span in recorder.named("outer"))
    assert len(set(parents)) == 200


def test_running_into_the_recursion_limit_switches_nothing_off(recorder: Recorder) -> None:
    """The user's RecursionError passes through, wherever it was raised; the stages after it are recorded as ever."""

    @otelkit.stage("deep")
    def deep(n: int) -> int:
        return deep(n + 1)

    for _ in range(2):
        with pytest.raises(RecursionError):
            deep(0)
    recorder.spans.clear()
    recorder.calls.clear()
    parse("a")

    assert [span.name for span in recorder.spans] == ["test_functions.parse"]
    assert [call.outcome for call in recorder.calls] == [Outcome.OK]
    assert not any(barrier.off for barrier in recorder.runtime.barriers.values())


def test_other_questions_are_answered_as_by_the_function(recorder: Recorder) -> None:
    """Type hints, help, specs of mocks: of a plain function and of a generator function."""

    def bare_generator(n: int, *, scale: float = 1.0) -> Iterator[float]:
        """Yield."""
        yield n * scale

    for function in (bare, bare_generator):
        staged: Any = otelkit.stage(function)

        assert typing.get_type_hints(staged) == typing.get_type_hints(function)
        assert inspect.getdoc(staged) == inspect.getdoc(function)
        assert inspect.signature(create_autospec(staged)) == inspect.signature(create_autospec(function))
        assert inspect.unwrap(staged) is function
        assert callable(staged)
        assert isinstance(staged, types.FunctionType)
        with pytest.raises(TypeError):
            create_autospec(staged)()


@otelkit.stage
def yielding(n: int) -> Iterator[int]:
    yield from range(n)


def test_a_module_level_generator_stage_pickles_by_name() -> None:
    """As a generator function does; and copies are itself."""
    assert pickle.loads(pickle.dumps(yielding)) is yielding
    assert copy.copy(yielding) is yielding
    assert copy.deepcopy(yielding) is yielding
    assert repr(yielding).startswith("<function yielding at ")


def test_attributes_can_be_set_on_a_stage_as_on_a_function() -> None:
    """Those set before are still there, those set after belong to the stage."""
    for function in (parse, yielding):
        function.note = "after"  # type: ignore[attr-defined]  # as on any function

        assert function.note == "after"  # type: ignore[attr-defined]  # as on any function
        del function.note  # type: ignore[attr-defined]  # as on any function
        assert not hasattr(function, "note")
