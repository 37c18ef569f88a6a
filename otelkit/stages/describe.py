"""What the arguments of a call say about it: the item it handles, and a few bounded attributes.

A describer is found by the dotted name of a type, so that numpy need not be imported to describe an array.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping, Sized
from pathlib import PurePath
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
MAX_KEYS: Final = 64
"""Names of attributes that are remembered per argument."""


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
        self._by_type: dict[type, _Kind] = {}
        self._plans: dict[Stage, _Plan] = {}

    def describe(self, call: StageCall, args: tuple[Any, ...], kwargs: Mapping[str, Any] | None) -> None:
        """Tell a call that has just been opened its item's id, if there is one, and what its arguments say."""
        stage = call.series.stage
        plan = self._plans.get(stage)
        if plan is None:
            plan = self._new_plan(stage)
        said: list[tuple[str, AttributeValue]] = []
        item: str | None = None
        kinds = self._by_type
        for parameter, value in zip(plan.positional, args):  # noqa: B905 - an argument keeps `strict` from the quick call
            if parameter is None:
                continue
            cls = type(value)
            if item is None and parameter.may_be_item:
                # The usual item, here rather than one call further in.
                if cls is str and len(value) <= MAX_TEXT and value.isascii() and value.isprintable():
                    item = value
                else:
                    item = self._item(parameter, value, kinds.get(cls) or self._new_kind(cls), said)
            else:
                guarded = (kinds.get(cls) or self._new_kind(cls)).guarded
                if guarded is not None:
                    self._describe_one(parameter, value, guarded, None, said)
        if kwargs:
            left = MAX_ARGUMENTS - min(len(args), len(plan.positional))
            for name, value in kwargs.items():
                if left <= 0:
                    break
                left -= 1
                parameter = plan.named(name)
                kind = kinds.get(type(value)) or self._new_kind(type(value))
                if item is None and parameter.may_be_item:
                    item = self._item(parameter, value, kind, said)
                elif kind.guarded is not None:
                    self._describe_one(parameter, value, kind.guarded, None, said)
        if said or item is not None:
            call.describe(item, said or None)

    def _item(
        self, parameter: _Parameter, value: Any, kind: _Kind, said: list[tuple[str, AttributeValue]]
    ) -> str | None:
        """Return the id of the item, which this argument may be; add what else the argument says."""
        if kind.text is not None:
            text = kind.text(value)
            if len(text) <= MAX_TEXT and text.isascii() and text.isprintable():
                # The usual item: its description would say the same once more.
                return text
        item = item_text(value) if kind.identifies or parameter.is_item else None
        if kind.guarded is not None:
            self._describe_one(parameter, value, kind.guarded, item, said)
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
                if not suffix and item is not None and _repeats(what, item):
                    continue
                said.append((parameter.keys.get(suffix) or parameter.new_key(suffix), what))
        except Exception as error:  # noqa: BLE001 - a stranger's describer may raise anything
            barrier.fault(error, "describe")
        else:
            barrier.success()

    def _new_plan(self, stage: Stage) -> _Plan:
        if len(self._plans) >= MAX_TYPES:
            self._plans = {}
        plan = self._plans[stage] = _Plan(stage)
        return plan

    def _new_kind(self, cls: type) -> _Kind:
        if len(self._by_type) >= MAX_TYPES:
            # Emptied rather than replaced: whoever describes a call just now looks in there.
            self._by_type.clear()
        found = None
        if self._enabled:
            for ancestor in cls.__mro__:
                found = self._guarded.get(f"{ancestor.__module__}.{ancestor.__qualname__}")
                if found is not None:
                    break
        kind = self._by_type[cls] = _Kind(cls, found)
        return kind


class _Kind:
    """What is known of the values of one type."""

    __slots__ = ("guarded", "identifies", "text")

    def __init__(self, cls: type, guarded: _Guarded | None) -> None:
        self.guarded = guarded
        """Its describer; None: it has none."""
        self.identifies = issubclass(cls, _ITEM_TYPES)
        """Whether a value of it may be an item's id, if the argument's name says so."""
        self.text: Callable[[Any], str] | None = None
        """Returns a value as text where that is all that its describer could say; None: ask the describer."""
        if cls is str or (issubclass(cls, PurePath) and cls.__str__ is PurePath.__str__):
            self.text = str


class _Parameter:
    """One parameter of a stage: the attribute it becomes, and whether it may be the item."""

    __slots__ = ("is_item", "keys", "may_be_item")

    def __init__(self, stage: Stage, name: str) -> None:
        self.keys = {"": names.ARGUMENT_PREFIX + name}
        """What a describer calls its value -> the attribute's name."""
        self.is_item = name == stage.item
        """Whether the stage says that it is."""
        telling = name in _ITEM_NAMES or name.endswith(("_path", "_file", "_id"))
        self.may_be_item = self.is_item or (stage.item is None and telling)

    def new_key(self, suffix: str) -> str:
        """Return the name of an attribute, remembered as long as there are few: a describer may make up more."""
        key = f"{self.keys['']}.{suffix}"
        if len(self.keys) < MAX_KEYS:
            self.keys[suffix] = key
        return key


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
