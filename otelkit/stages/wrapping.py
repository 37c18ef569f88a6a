"""Turn a function into a stage: find out what it is, once, and choose its wrapper."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from typing import Any, Final

from otelkit.model.calls import AttributeValue, Stage, StageKind
from otelkit.stages.async_generators import wrap_async_generator
from otelkit.stages.coroutines import wrap_coroutine
from otelkit.stages.functions import wrap_function
from otelkit.stages.generators import wrap_generator
from otelkit.stages.naming import full_name_of, stage_name_of
from otelkit.stages.staged import StagedCallable

MARK: Final = "__otelkit_stage__"
"""Attribute of a wrapped function that holds its `Stage`."""

# Any below: the user's own signature.
_WRAPPERS: Final[Mapping[StageKind, Callable[[Callable[..., Any], Stage], Callable[..., Any]]]] = {
    StageKind.FUNCTION: wrap_function,
    StageKind.COROUTINE: wrap_coroutine,
    StageKind.GENERATOR: wrap_generator,
    StageKind.ASYNC_GENERATOR: wrap_async_generator,
}


def wrapped(
    function: Any,
    *,
    name: str | None = None,
    pipeline: str | None = None,
    item: str | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
    default_name: str | None = None,
) -> Any:
    """Return ``function`` as a stage: a function of any kind, a static or class method, or another callable object.

    Args:
        function: What to wrap.
        name: The stage's name; None: ``default_name``, else by the naming rule.
        pipeline: Its `pipeline.name`.
        item: Name of the argument that identifies the item.
        attributes: Put on every span of the stage.
        default_name: The name to use instead of the naming rule's.

    Raises:
        TypeError: It is a class, or can't be called.
    """
    if isinstance(function, staticmethod | classmethod):
        inner = wrapped(
            function.__func__,
            name=name,
            pipeline=pipeline,
            item=item,
            attributes=attributes,
            default_name=default_name,
        )
        return type(function)(inner)
    if isinstance(function, type) or not callable(function):
        raise TypeError(
            f"otelkit.stage was given {function!r}; expected a function or method. "
            "To see a class at work, make stages of its methods."
        )
    kind = kind_of(function)
    stage = Stage(
        name=name or default_name or stage_name_of(function),
        kind=kind,
        pipeline=pipeline,
        item=item,
        function=full_name_of(function),
        parameters=_parameters_of(function),
        attributes=dict(attributes or {}),
    )
    staged = _WRAPPERS[kind](function, stage)
    if not isinstance(function, types.FunctionType) and isinstance(staged, types.FunctionType):
        staged = StagedCallable(function, staged)
    setattr(staged, MARK, stage)
    return staged


def stage_of(function: object) -> Stage | None:
    """Return the stage that a wrapped function is, or None."""
    if isinstance(function, staticmethod | classmethod):
        function = function.__func__
    stage = getattr(function, "__dict__", {}).get(MARK)
    return stage if isinstance(stage, Stage) else None


def kind_of(function: Callable[..., Any]) -> StageKind:
    """Return how a function runs. A callable object is what its ``__call__`` is."""
    for candidate in (function, getattr(type(function), "__call__", None)):  # noqa: B004 - its kind is asked, not whether it is callable
        if inspect.isasyncgenfunction(candidate):
            return StageKind.ASYNC_GENERATOR
        if inspect.isgeneratorfunction(candidate):
            return StageKind.GENERATOR
        if inspect.iscoroutinefunction(candidate):
            return StageKind.COROUTINE
    return StageKind.FUNCTION


def _parameters_of(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of the positional parameters."""
    inner = inspect.unwrap(function)
    if isinstance(inner, types.FunctionType):
        return inner.__code__.co_varnames[: inner.__code__.co_argcount]
    try:
        parameters = inspect.signature(inner).parameters.values()
    except (ValueError, TypeError):  # written in C, and silent about it
        return ()
    return tuple(each.name for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD))
