"""What the arguments of a call say about it: the item it handles, and a few bounded attributes.

A describer is found by the dotted name of a type, so that numpy need not be imported to describe an array.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping, Sized
from typing import Any, Final

from otelkit import names
from otelkit._guard import Barrier
from otelkit.model.blueprint import Offered
from otelkit.model.calls import AttributeValue, Stage, StageCall
from otelkit.model.describers import Describer

# Any below: the user's own arguments.
_Guarded = tuple[Describer, Barrier]

MAX_ARGUMENTS: Final = 16
"""Arguments described per call; the rest is left out."""
MAX_ATTRIBUTES: Final = 8
"""Attributes taken from one describer per argument."""
MAX_TEXT: Final = 120
"""Characters kept of a text that a describer returns."""
MAX_ITEM: Final = 256
"""Characters kept of an item's id."""
MAX_TYPES: Final = 1024
"""Types whose describer is remembered; a program that makes more of them starts over."""

_NO_ITEM, _PERHAPS, _ITEM = "no item", "perhaps the item", "the item"
_UNKNOWN: Final[Any] = object()  # Any: stands for a describer that was not looked up yet

_ITEM_NAMES: Final = frozenset({"item", "item_id", "path", "file", "filename", "url", "uri", "key", "id"})
_ITEM_TYPES: Final = (str, int, os.PathLike, uuid.UUID)


class Describers:
    """Describes calls. Thread-safe: what is remembered per type is only ever replaced by the same.

    Args:
        offered: Describers by dotted type name.
        barriers: Gets one fault barrier for each, by ``describer <type name>``.
        enabled: Whether arguments are described at all; an item's id is found either way.
    """

    def __init__(
        self, offered: Mapping[str, Offered[Describer]], barriers: dict[str, Barrier], *, enabled: bool = True
    ) -> None:
        self._guarded: dict[str, _Guarded] = {}
        for type_name, offer in offered.items():
            barrier = Barrier(f"describer {type_name}", offer.distribution)
            barriers[barrier.name] = barrier
            self._guarded[type_name] = (offer.value, barrier)
        self._enabled = enabled and bool(offered)
        self._by_type: dict[type, _Guarded | None] = {}
        self._plans: dict[Stage, _Plan] = {}

    def describe(self, call: StageCall, args: tuple[Any, ...], kwargs: Mapping[str, Any] | None) -> None:
        """Tell a call that has just been opened its item's id, if there is one, and what its arguments say."""
        stage = call.series.stage
        plan = self._plans.get(stage)
        if plan is None:
            plan = self._new_plan(stage)
        said: list[tuple[str, AttributeValue]] = []
        item: str | None = None
        for parameter, value in zip(plan.positional, args):  # noqa: B905 - an argument keeps `strict` from the quick call
            if parameter is None:
                continue
            if (
                type(value) is str
                and item is None
                and parameter.role is not _NO_ITEM
                and len(value) <= MAX_TEXT
                and value.isascii()
                and value.isprintable()
            ):
                # The usual item, here rather than one call further in: its description would say the same once more.
                item = value
            else:
                item = self._look_at(parameter, value, item, said)
        if kwargs:
            left = MAX_ARGUMENTS - min(len(args), len(plan.positional))
            for name, value in kwargs.items():
                if left <= 0:
                    break
                left -= 1
                item = self._look_at(plan.named(name), value, item, said)
        if said or item is not None:
            call.describe(item, said or None)

    def _look_at(
        self, parameter: _Parameter, value: Any, item: str | None, said: list[tuple[str, AttributeValue]]
    ) -> str | None:
        """Add what one argument says; return the call's item, which may be this one."""
        own: str | None = None
        if item is None and parameter.role is not _NO_ITEM:
            if type(value) is str and len(value) <= MAX_TEXT and value.isascii() and value.isprintable():
                # The usual item: its description would say the same once more.
                return value
            if parameter.role is _ITEM or isinstance(value, _ITEM_TYPES):
                own = item = item_text(value)
        if self._enabled:
            guarded = self._by_type.get(type(value), _UNKNOWN)
            if guarded is _UNKNOWN:
                guarded = self._describer_of(type(value))
            if guarded is not None:
                self._describe_one(parameter, value, guarded, own, said)
        return item

    def _describe_one(
        self,
        parameter: _Parameter,
        value: Any,
        guarded: _Guarded,
        item: str | None,
        said: list[tuple[str, AttributeValue]],
    ) -> None:
        describer, barrier = guarded
        if barrier.off:
            return
        try:
            described = describer(value)
            left = MAX_ATTRIBUTES
            for suffix, what in described.items():
                if not left:
                    break
                left -= 1
                if type(what) is str and len(what) > MAX_TEXT:
                    what = what[:MAX_TEXT]
                if not suffix:
                    if item is not None and _repeats(what, item):
                        continue
                    said.append((parameter.key, what))
                else:
                    said.append((f"{parameter.key}.{suffix}", what))
        except Exception as error:  # noqa: BLE001 - a stranger's describer may raise anything
            barrier.fault(error, "describe")
        else:
            barrier.success()

    def _new_plan(self, stage: Stage) -> _Plan:
        if len(self._plans) >= MAX_TYPES:
            self._plans = {}
        plan = self._plans[stage] = _Plan(stage)
        return plan

    def _describer_of(self, cls: type) -> _Guarded | None:
        try:
            return self._by_type[cls]
        except KeyError:
            pass
        if len(self._by_type) >= MAX_TYPES:
            self._by_type = {}
        found = None
        for ancestor in cls.__mro__:
            found = self._guarded.get(f"{ancestor.__module__}.{ancestor.__qualname__}")
            if found is not None:
                break
        self._by_type[cls] = found
        return found


class _Parameter:
    """One parameter of a stage: the attribute it becomes, and whether it may be the item."""

    __slots__ = ("key", "role")

    def __init__(self, stage: Stage, name: str) -> None:
        self.key = names.ARGUMENT_PREFIX + name
        if stage.item is not None:
            self.role = _ITEM if name == stage.item else _NO_ITEM
        else:
            telling = name in _ITEM_NAMES or name.endswith(("_path", "_file", "_id"))
            self.role = _PERHAPS if telling else _NO_ITEM


class _Plan:
    """What to look at in the arguments of a stage. Thread-safe: what is remembered is only ever replaced by the same."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        skipped = stage.parameters[:1] in (("self",), ("cls",))
        self.positional: tuple[_Parameter | None, ...] = (
            *([None] if skipped else []),
            *(_Parameter(stage, name) for name in stage.parameters[skipped : MAX_ARGUMENTS + skipped]),
        )
        """By position; None: the object or class that a method belongs to."""
        self._named: dict[str, _Parameter] = {}

    def named(self, name: str) -> _Parameter:
        """Return the parameter that is given by name."""
        known = self._named.get(name)
        if known is None:
            known = _Parameter(self._stage, name)
            if len(self._named) < MAX_TYPES:
                self._named[name] = known
        return known


def _repeats(said: object, item: str) -> bool:
    """Say whether the description of the item's argument says what the item's id says, whole or shortened."""
    # Most spans have an item: each attribute less is an attribute less on almost every span.
    return str(said) == item or (
        isinstance(said, str)
        and len(said) >= MAX_TEXT
        and (item.endswith(said.removeprefix("…")) or item.startswith(said))
    )


def item_text(value: Any) -> str | None:
    """Return an item's id as text, at most 256 characters; its end is kept, which tells paths apart.

    None if it has none: its text can't be made, or it is a large collection, which is a payload and no id.
    """
    try:
        text = _text_of(value)
    except Exception:  # noqa: BLE001 - the user's own __str__ may raise anything; then there is no id
        return None
    if text is None:
        return None
    # Lone surrogates (undecodable file names) have no place in UTF-8.
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= MAX_ITEM else "…" + text[1 - MAX_ITEM :]


def _text_of(value: Any) -> str | None:
    """Return the text of a value, or of its end: nothing large is written out only to be cut."""
    if isinstance(value, str):
        return str.__str__(value) if len(value) <= MAX_ITEM else str.__str__(value[-MAX_ITEM - 1 :])
    if isinstance(value, bytes | bytearray | memoryview):
        return os.fsdecode(bytes(value[-MAX_ITEM - 1 :]))
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if isinstance(value, Sized) and len(value) > MAX_ITEM:
        return None
    return str(value)
