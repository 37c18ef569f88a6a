"""How much memory a held span is taken to need."""

from __future__ import annotations

import contextlib
import gc
import tracemalloc
from collections.abc import Callable

import pytest
from opentelemetry import trace

import otelkit
from otelkit.spans.held_bytes import held_bytes
from otelkit.testing import Recorder
from tests.spans.made import Keeper

COUNT = 500


@otelkit.stage
def bare() -> None:
    pass


@otelkit.stage(item="path")
def with_arguments(path: str, size: int, text: str) -> None:
    pass


@otelkit.stage
def failing(text: str) -> None:
    raise ValueError(text)


@otelkit.stage
def talking(number: int) -> None:
    span = trace.get_current_span()
    for key in range(8):
        span.set_attribute(f"key.{key}", f"a value of its own {number} {key}")
    for _ in range(3):
        span.add_event("happened", {"what": f"{number}"})


def many(call: Callable[[int], None]) -> None:
    for number in range(COUNT):
        with contextlib.suppress(ValueError):
            call(number)


def of_sdk(number: int) -> None:
    with trace.get_tracer("strange").start_as_current_span("work") as span:
        span.set_attribute("key", f"a value of its own {number}")
        span.add_event("happened", {"what": f"{number}"})


WORK = {
    "bare": lambda number: bare(),
    "arguments": lambda number: with_arguments(f"/data/in/{number}.txt", number + 1000, "x" * number),
    "failing": lambda number: failing(f"{number}"),
    "events": talking,
    "of the SDK": of_sdk,
}


def size_of(call: Callable[[int], None]) -> tuple[float, float]:
    """Return what held spans of this work take by their own estimate, and by tracemalloc; per span."""
    keeper = Keeper()
    with Recorder(steps=[keeper]) as recorder:
        many(call)
        keeper.kept.clear()
        recorder.calls.clear()
        gc.collect()
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            many(call)
            gc.collect()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert len(keeper.kept) == COUNT
    return sum(span.held_bytes for span in keeper.kept) / COUNT, (after - before) / COUNT


@pytest.mark.parametrize("call", WORK.values(), ids=WORK)
def test_a_span_is_never_taken_for_much_smaller_or_larger_than_it_is(call: Callable[[int], None]) -> None:
    """At most 10 % too little, at most twice as much."""
    estimated, measured = size_of(call)

    assert 0.9 * measured <= estimated <= 2 * measured


class Hostile:
    """Fails whoever looks at it."""

    def __sizeof__(self) -> int:
        raise RuntimeError


def test_a_value_that_can_not_be_looked_at_is_taken_for_something() -> None:
    """The user's own classes take part in nothing here; nor do they within a list."""
    assert held_bytes(None, [("key", Hostile()), ("other", [Hostile()])], None, None) > 2000
