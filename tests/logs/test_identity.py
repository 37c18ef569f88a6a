"""Ids of a piece of work."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Iterator

import pytest

from otelkit.logs.identity import Identity, current_identity, identify


@pytest.mark.requirement("LOG-02", "LOG-03", "LOG-05")
def test_inner_blocks_add_and_replace_and_end() -> None:
    """Each block's ids hold inside it only."""
    with identify(correlation_id="c", user_id="u"):
        with identify(user_id="v", request_id="r") as inner:
            inside = current_identity()
        after_inner = current_identity()

    assert inside == inner == Identity("c", "v", "r")
    assert after_inner == Identity("c", "u", None)
    assert current_identity() == Identity()


def test_tasks_do_not_see_each_others_ids() -> None:
    """Each has its own, though they take turns."""

    async def work(user: str) -> str | None:
        with identify(user_id=user):
            await asyncio.sleep(0)
            return current_identity().user_id

    async def both() -> list[str | None]:
        return list(await asyncio.gather(work("a"), work("b")))

    assert asyncio.run(both()) == ["a", "b"]


def test_a_block_in_a_generator_that_ends_elsewhere_complains_not(caplog: pytest.LogCaptureFixture) -> None:
    """No "Failed to detach context" when a generator is closed in another context than it was started in."""

    def numbers() -> Iterator[int]:
        with identify(user_id="u"):
            yield 1

    generator = numbers()
    contextvars.copy_context().run(next, generator)
    with caplog.at_level(logging.DEBUG):
        generator.close()

    assert caplog.records == []
    assert current_identity() == Identity()
