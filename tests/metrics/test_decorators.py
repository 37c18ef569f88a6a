"""Calls of functions, recorded by decorators."""

from __future__ import annotations

import asyncio
import inspect
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from otelkit.metrics import (
    MetricsCollector,
    decorators,
    default_collector,
    instrument_performance,
    track_analysis,
    track_training,
)
from tests.forking import held_by_another_thread, in_child
from tests.metrics.collected import Collected, key_of


@pytest.fixture
def collected() -> Collected:
    return Collected()


@pytest.fixture
def metrics(collected: Collected) -> MetricsCollector:
    return MetricsCollector(provider=collected.provider)


def calls(collected: Collected, metric: str) -> dict[tuple[tuple[str, object], ...], int]:
    """Return calls by labels, after checking that the histogram has as many."""
    total = collected.points(f"{metric}_calls_total")
    durations = collected.points(f"{metric}_duration")
    assert {key: count for key, (count, _) in durations.items()} == total
    return total


@pytest.mark.requirement("PYA-16", "MET-14", "MET-15")
def test_plain_and_async_calls_are_counted_with_function_and_success(
    collected: Collected, metrics: MetricsCollector
) -> None:
    """Duration in seconds and total, each with the labels `function` and `success`, and whatever labels are given."""

    @instrument_performance("load", collector=metrics, labels={"format": "wav"})
    def load(path: str) -> int:
        return len(path)

    @instrument_performance("load", collector=metrics)
    async def load_async(path: str) -> int:
        await asyncio.sleep(0)
        return len(path)

    results = [load("abc"), asyncio.run(load_async("ab"))]

    assert results == [3, 2]
    assert calls(collected, "load") == {
        key_of({"function": load.__qualname__, "success": True, "format": "wav"}): 1,
        key_of({"function": load_async.__qualname__, "success": True}): 1,
    }
    assert collected.metrics()["load_duration"].unit == "s"


@pytest.mark.requirement("PYA-16", "MET-14")
@pytest.mark.parametrize("kind", ["plain", "async"])
def test_a_failing_call_carries_its_error_type_and_raises_as_ever(
    kind: str, collected: Collected, metrics: MetricsCollector
) -> None:
    """The very exception, with the user's frame at the end of its traceback."""
    error = KeyError("missing")

    @instrument_performance("load", collector=metrics)
    def load() -> None:
        raise error

    @instrument_performance("load", collector=metrics)
    async def load_async() -> None:
        raise error

    with pytest.raises(KeyError) as caught:
        load() if kind == "plain" else asyncio.run(load_async())
    name = (load if kind == "plain" else load_async).__qualname__

    assert caught.value is error
    assert traceback.extract_tb(error.__traceback__)[-1].name == name.rpartition(".")[2]
    assert calls(collected, "load") == {key_of({"function": name, "success": False, "error_type": "KeyError"}): 1}


def test_a_cancelled_call_is_no_error(collected: Collected, metrics: MetricsCollector) -> None:
    """It did not succeed, and it has no error type."""

    @instrument_performance("wait", collector=metrics)
    async def wait() -> None:
        await asyncio.Event().wait()

    async def cancel() -> None:
        task = asyncio.ensure_future(wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())

    assert calls(collected, "wait") == {key_of({"function": wait.__qualname__, "success": False}): 1}


@pytest.mark.parametrize(("code", "labels"), [(0, {}), (2, {"error_type": "SystemExit"})])
def test_leaving_with_an_exit_code_is_an_error_unless_it_is_zero(
    code: int, labels: dict[str, str], collected: Collected, metrics: MetricsCollector
) -> None:
    """As for stages."""

    @instrument_performance("leave", collector=metrics)
    def leave() -> None:
        raise SystemExit(code)

    with pytest.raises(SystemExit):
        leave()

    assert calls(collected, "leave") == {key_of({"function": leave.__qualname__, "success": False, **labels}): 1}


def test_a_decorated_function_looks_like_itself(metrics: MetricsCollector) -> None:
    """Name, docstring, signature and kind are unchanged."""

    async def load(path: str, *, retries: int = 3) -> bytes:
        """Load."""
        return b""

    wrapped = instrument_performance("load", collector=metrics)(load)

    assert (wrapped.__name__, wrapped.__doc__) == ("load", "Load.")
    assert inspect.signature(wrapped) == inspect.signature(load)
    assert inspect.iscoroutinefunction(wrapped)


def test_a_generator_function_is_refused_with_advice(metrics: MetricsCollector) -> None:
    """Its call does nothing yet; `otelkit.stage` measures the iteration."""

    def numbers() -> Iterator[int]:
        yield 1

    with pytest.raises(TypeError, match=r"Use otelkit\.stage"):
        instrument_performance("n", collector=metrics)(numbers)


@pytest.mark.requirement("MET-16", "PYA-17")
def test_analyses_and_trainings_are_tracked_by_name(collected: Collected, metrics: MetricsCollector) -> None:
    """With the name that is given."""

    @track_analysis("spectral", collector=metrics)
    def analyse() -> str:
        return "done"

    @track_training("denoiser", collector=metrics)
    async def train() -> None:
        raise RuntimeError

    assert analyse() == "done"
    with pytest.raises(RuntimeError):
        asyncio.run(train())

    assert calls(collected, "analysis") == {
        key_of({"function": analyse.__qualname__, "success": True, "analysis": "spectral"}): 1
    }
    assert calls(collected, "training") == {
        key_of({"function": train.__qualname__, "success": False, "error_type": "RuntimeError", "model": "denoiser"}): 1
    }


@pytest.mark.requirement("MET-16")
def test_used_bare_they_take_the_functions_name(monkeypatch: pytest.MonkeyPatch, collected: Collected) -> None:
    """And record into the process's own collector."""
    monkeypatch.setattr(
        "otelkit.metrics.decorators.default_collector", lambda: MetricsCollector(provider=collected.provider)
    )

    @track_analysis
    def pitch() -> int:
        return 1

    @track_training
    def fit() -> int:
        return 2

    assert (pitch(), fit()) == (1, 2)
    assert [dict(key)["analysis"] for key in calls(collected, "analysis")] == ["pitch"]
    assert [dict(key)["model"] for key in calls(collected, "training")] == ["fit"]


def test_there_is_one_default_collector() -> None:
    """So that one metric is one instrument."""
    assert default_collector() is default_collector()


def test_two_threads_that_ask_first_get_the_same_default_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    """Making one takes a while, in which the other asks."""
    monkeypatch.setattr(decorators, "_default", None)
    making = threading.Event()
    made = []

    def slow() -> MetricsCollector:
        made.append(MetricsCollector())
        making.set()
        # Long enough for the other to come this far too, if nothing holds it back.
        threading.Event().wait(0.05)
        return made[-1]

    monkeypatch.setattr(decorators, "MetricsCollector", slow)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(default_collector)
        assert making.wait(10)
        second = pool.submit(default_collector)

    assert first.result() is second.result() is made[0]
    assert len(made) == 1


def test_a_child_makes_its_default_collector_even_if_a_thread_of_the_parent_was_making_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It never waits for a thread that is not there."""
    monkeypatch.setattr(decorators, "_default", None)

    with held_by_another_thread(decorators._default_lock):
        assert in_child(lambda: default_collector() is not None, timeout_s=10) is True
