"""`otelkit.stage`, as a decorator and as a block."""

from __future__ import annotations

import asyncio
import threading

import pytest

import otelkit
from otelkit import names
from otelkit.model.calls import Outcome
from otelkit.testing import Recorder


def test_bare_named_and_called_empty_are_the_same_decorator(recorder: Recorder) -> None:
    """``@stage``, ``@stage()`` and ``@stage("name")``."""

    @otelkit.stage
    def bare() -> None: ...

    @otelkit.stage()
    def empty() -> None: ...

    @otelkit.stage("named", pipeline="audio", attributes={"codec": "flac"})
    def named() -> None: ...

    bare()
    empty()
    named()

    prefix = "test_declare.test_bare_named_and_called_empty_are_the_same_decorator"
    assert [span.name for span in recorder.spans] == [f"{prefix}.bare", f"{prefix}.empty", "named"]
    attributes = dict(recorder.span("named").attributes or {})
    assert (attributes[names.PIPELINE_NAME], attributes["codec"]) == ("audio", "flac")


@pytest.mark.parametrize("wrong", [dict, 7, None])
def test_what_cannot_be_a_stage_is_refused_at_once(wrong: object) -> None:
    """A class or a number gets one clear TypeError where it is decorated."""
    with pytest.raises(TypeError, match=r"otelkit.stage was given .* expected a function or method"):
        otelkit.stage("name")(wrong)  # type: ignore[type-var]  # that is the point


def test_a_block_is_a_stage_and_counts_what_it_is_told(recorder: Recorder) -> None:
    """Items add up, attributes land on the span, and what is called inside is a child."""
    with otelkit.stage("write", pipeline="audio", item="a.wav") as call:
        call.items(ok=12, failed=1)
        call.items(ok=1, skipped=2)
        call.set("codec", "flac")
        with otelkit.stage("encode"):
            pass

    attributes = dict(recorder.span("write").attributes or {})
    assert recorder.tree() == ["write", "  encode"]
    assert (
        attributes
        == {
            names.PIPELINE_NAME: "audio",
            names.STAGE_NAME: "write",
            names.STAGE_KIND: "block",
            names.ITEM_ID: "a.wav",
            names.ITEMS_OK: 13,
            names.ITEMS_FAILED: 1,
            names.ITEMS_SKIPPED: 2,
            names.STAGE_OUTCOME: "ok",
            "codec": "flac",
        }
    )  # fmt: skip


def test_a_block_without_word_of_items_is_one_item(recorder: Recorder) -> None:
    """Ok, or failed if an error leaves it; zero if it says so itself."""
    with otelkit.stage("good"):
        pass
    with pytest.raises(ValueError, match="no"), otelkit.stage("bad"):
        raise ValueError("no")
    with otelkit.stage("none") as call:
        call.items()

    assert [(call.items_ok, call.items_failed) for call in recorder.calls] == [(1, 0), (0, 1), (0, 0)]


def test_a_block_lets_errors_through(recorder: Recorder) -> None:
    """The very object, and the call says so."""
    error = ValueError("no")
    with pytest.raises(ValueError, match="no") as raised, otelkit.stage("bad"):
        raise error

    assert raised.value is error
    assert recorder.calls[0].outcome is Outcome.ERROR


def test_a_block_needs_a_name() -> None:
    """There is no function to take one from."""
    with pytest.raises(TypeError, match="needs a name"), otelkit.stage():
        pass


def test_a_block_that_is_over_takes_nothing_more(recorder: Recorder) -> None:
    """Late words are ignored, as a span ignores them."""
    with otelkit.stage("write") as call:
        pass
    call.items(ok=5)
    call.set("late", True)

    assert recorder.calls[0].items_ok == 1
    assert "late" not in (recorder.span("write").attributes or {})


def test_one_declaration_serves_nested_threaded_and_concurrent_blocks(recorder: Recorder) -> None:
    """Each ``with`` ends its own call, whoever else is inside."""
    declared = otelkit.stage("shared")
    entered = threading.Barrier(2, timeout=20)

    def in_thread() -> None:
        with declared as call:
            entered.wait()
            call.items(ok=10)

    with declared as outer:
        with declared as inner:
            inner.items(ok=1)
        outer.items(ok=2)
    threads = [threading.Thread(target=in_thread) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    async def task(number: int, turns: int) -> None:
        with declared as call:
            for _ in range(turns):
                await asyncio.sleep(0)
            call.items(ok=number)
            with otelkit.stage(f"inside {number}"):
                pass

    async def main() -> None:
        await asyncio.gather(task(100, 3), task(200, 1), task(300, 2))

    asyncio.run(main())

    assert [call.items_ok for call in recorder.calls if call.stage.name == "shared"] == [1, 2, 10, 10, 200, 300, 100]
    assert recorder.tree()[:2] == ["shared", "  shared"]
    by_id = {span.context.span_id: span for span in recorder.spans}
    for number in (100, 200, 300):
        parent = recorder.span(f"inside {number}").parent
        assert parent is not None
        assert (by_id[parent.span_id].attributes or {})[names.ITEMS_OK] == number


def test_without_otelkit_a_block_does_nothing() -> None:
    """Its methods can be called all the same."""
    with otelkit.stage("write", item="x") as call:
        call.items(ok=1)
        call.set("key", "value")
