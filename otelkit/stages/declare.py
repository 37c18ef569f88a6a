"""``otelkit.stage``: declares a function to be a stage, or makes a block of code one."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, overload

from otelkit.model.calls import AttributeValue, Stage, StageKind
from otelkit.stages.block import Block
from otelkit.stages.wrapping import wrapped

# Any below: a stage may have any signature; the type variable keeps it.
F = TypeVar("F", bound="Callable[..., Any] | staticmethod[..., Any] | classmethod[Any, ..., Any]")


class Declared:
    """A stage that has been described: decorate functions with it, or use it in ``with``. Both any number of times."""

    def __init__(
        self,
        name: str | None,
        pipeline: str | None,
        item: str | None,
        attributes: Mapping[str, AttributeValue] | None,
    ) -> None:
        self._name = name
        self._pipeline = pipeline
        self._item = item
        self._attributes = dict(attributes or {})
        self._stage: Stage | None = None
        self._entered: list[Block] = []

    def __call__(self, function: F, /) -> F:
        """Return ``function`` as a stage."""
        staged: F = wrapped(
            function, name=self._name, pipeline=self._pipeline, item=self._item, attributes=self._attributes
        )
        return staged

    def __enter__(self) -> Block:
        """Start a call whose code is the block."""
        if self._stage is None:
            if self._name is None:
                raise TypeError('`with otelkit.stage(…)` needs a name; write `with otelkit.stage("name"):`')
            self._stage = Stage(self._name, StageKind.BLOCK, self._pipeline, attributes=self._attributes)
        block = Block(self._stage, self._item)
        self._entered.append(block)
        return block

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        """End the call; the exception, if any, goes on its way."""
        self._leaving().close(error)

    def _leaving(self) -> Block:
        # Shared by threads or tasks, or nested in itself: the one whose context is current here is the one that is left.
        for block in reversed(self._entered):
            if block.is_current():
                self._entered.remove(block)
                return block
        # A block that another context closes, or one entered while otelkit was not installed.
        return self._entered.pop()


@overload
def stage(function: F, /) -> F: ...


@overload
def stage(
    name: str | None = None,
    /,
    *,
    pipeline: str | None = None,
    item: str | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
) -> Declared: ...


def stage(
    name: Any = None,  # Any: the two forms above
    /,
    *,
    pipeline: str | None = None,
    item: str | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
) -> Any:
    """Make a function, method, coroutine function, generator or asynchronous generator a stage; or a block of code.

    ::

        @otelkit.stage
        def parse(path): ...

        @otelkit.stage("enhance", pipeline="audio", item="path")
        async def enhance(path, samples): ...

        with otelkit.stage("write") as call:
            call.items(ok=12)

    What is decorated keeps its signature, name, results, exceptions and protocol. Where otelkit is not installed it costs one
    look at an attribute. A coroutine function's call lasts until it has been awaited; a generator's is the whole iteration.

    Args:
        name: The stage's name; without it ``steps.Encoder.run`` for a method in ``app/steps.py``.
        pipeline: `pipeline.name`; without it that of the surrounding ``otelkit.run``, else the setting's, else the service.
        item: The name of the argument that identifies the item. In a block, which has no arguments, the item's id itself.
        attributes: Put on every span of the stage.

    Raises:
        TypeError: What is decorated is a class or can't be called; a block without a name.
    """
    if name is None or isinstance(name, str):
        return Declared(name, pipeline, item, attributes)
    return wrapped(name, pipeline=pipeline, item=item, attributes=attributes)
