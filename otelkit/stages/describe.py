"""What the arguments of a call say about it: the item it handles, and a few bounded attributes.

A describer is found by the dotted name of a type, so that numpy need not be imported to describe an array.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final

from otelkit import names
from otelkit._guard import Barrier
from otelkit.model.blueprint import Offered
from otelkit.model.calls import AttributeValue, Stage
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

    def describe(
        self, stage: Stage, args: tuple[Any, ...], kwargs: Mapping[str, Any] | None
    ) -> dict[str, AttributeValue]:
        """Return the attributes of a call with these arguments: its item's id, if it can be told, and its arguments."""
        attributes: dict[str, AttributeValue] = {}
        named = dict(_named(stage, args, kwargs))
        if named:
            source = _item_argument(stage, named)
            item = item_text(named[source]) if source is not None else None
            if item is not None:
                attributes[names.ITEM_ID] = item
            if self._enabled:
                for name, value in named.items():
                    self._describe_one(names.ARGUMENT_PREFIX + name, value, attributes)
                if item is not None:
                    _leave_out_repeated(f"{names.ARGUMENT_PREFIX}{source}", item, attributes)
        return attributes

    def _describe_one(self, key: str, value: Any, attributes: dict[str, AttributeValue]) -> None:
        guarded = self._describer_of(type(value))
        if guarded is None:
            return
        describer, barrier = guarded
        if barrier.off:
            return
        try:
            described = describer(value)
            for suffix, said in list(described.items())[:MAX_ATTRIBUTES]:
                attributes[f"{key}.{suffix}" if suffix else key] = said[:MAX_TEXT] if isinstance(said, str) else said
        except Exception as error:  # noqa: BLE001 - a stranger's describer may raise anything
            barrier.fault(error, "describe")
        else:
            barrier.success()

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


def _named(stage: Stage, args: tuple[Any, ...], kwargs: Mapping[str, Any] | None) -> Iterator[tuple[str, Any]]:
    """Yield the arguments with their names, without the object or class a method belongs to."""
    left = MAX_ARGUMENTS
    for position, (name, value) in enumerate(zip(stage.parameters, args, strict=False)):
        if left and not (position == 0 and name in ("self", "cls")):
            left -= 1
            yield name, value
    for name, value in (kwargs or {}).items():
        if not left:
            return
        left -= 1
        yield name, value


def _item_argument(stage: Stage, named: Mapping[str, Any]) -> str | None:
    """Return the name of the argument that is the item: without ``item`` the first with a telling name and a short value."""
    if stage.item is not None:
        return stage.item if stage.item in named else None
    for name, value in named.items():
        if (name in _ITEM_NAMES or name.endswith(("_path", "_file", "_id"))) and isinstance(value, _ITEM_TYPES):
            return name
    return None


def _leave_out_repeated(key: str, item: str, attributes: dict[str, AttributeValue]) -> None:
    """Take the description of the item's argument away where it says what the item's id says, whole or shortened."""
    said = attributes.get(key)
    if said is not None and (str(said) == item or (isinstance(said, str) and _is_short_for(said, item))):
        del attributes[key]


def _is_short_for(said: str, item: str) -> bool:
    # Most spans have an item: each attribute less is an attribute less on almost every span.
    return len(said) >= MAX_TEXT and (item.endswith(said.removeprefix("…")) or item.startswith(said))


def item_text(value: Any) -> str | None:
    """Return an item's id as text, at most 256 characters; its end is kept, which tells paths apart."""
    try:
        text = os.fsdecode(value) if isinstance(value, bytes | os.PathLike) else str(value)
    except Exception:  # noqa: BLE001 - the user's own __str__ may raise anything; then there is no id
        return None
    # Lone surrogates (undecodable file names) have no place in UTF-8.
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= MAX_ITEM else "…" + text[1 - MAX_ITEM :]
