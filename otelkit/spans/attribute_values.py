"""Values that users set on spans, as the SDK would keep them; whatever they are, nobody who sets them hears of it."""

from __future__ import annotations

import logging
from collections.abc import Sized
from typing import Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.util.types import AnyValue, Attributes

_log = logging.getLogger("otelkit.spans")

SCALARS: Final = frozenset({str, bool, int, float})
"""Types whose values are kept as they are."""
MOST_ELEMENTS: Final = 100_000
"""Elements of a collection, or bytes. The SDK would look at each one, and a range may have 2⁶⁰."""


def cleaned(key: str, value: AnyValue) -> tuple[AnyValue] | None:
    """Return the value as the SDK would keep it; None if it would not, and has said so.

    Collections of more than `MOST_ELEMENTS`, and values that raise when they are looked at, are refused too.
    """
    try:
        if not isinstance(value, str) and isinstance(value, Sized) and len(value) > MOST_ELEMENTS:
            _log.warning("the attribute %s has %d elements; at most %d are kept", key, len(value), MOST_ELEMENTS)
            return None
        bounded = BoundedAttributes(None, None, immutable=False)
        bounded[key] = value
        return (bounded[key],) if key in bounded else None
    except Exception as error:  # noqa: BLE001 - the user's own classes take part in it
        _log.warning("the attribute %s can't be kept: %s", key, type(error).__name__)
        return None


def text_of_key(key: object) -> str:
    """Return what the SDK makes of a key among several that is no string; empty if nothing."""
    try:
        return next(iter(BoundedAttributes(attributes={key: True})), "")  # type: ignore[dict-item]  # no string, as said
    except Exception:  # noqa: BLE001 - the user's own class
        return ""


def bounded_attributes(attributes: Attributes, limit: int | None, max_length: int | None) -> BoundedAttributes:
    """Return the attributes of an event or a link within the SDK's limits; what can't be kept is counted as dropped."""
    kept: dict[str, AnyValue] = {}
    try:
        items = list((attributes or {}).items())
    except Exception as error:  # noqa: BLE001 - a mapping of the user's own
        _log.warning("attributes can't be read: %s", type(error).__name__)
        items = []
    for given, value in items:
        key = given if type(given) is str else text_of_key(given)
        if key and type(value) in SCALARS:
            kept[key] = value
        else:
            found = cleaned(key, value)
            if found is not None:
                kept[key] = found[0]
    bounded = BoundedAttributes(limit, kept, max_value_len=max_length)
    bounded.dropped += len(items) - len(kept)
    return bounded
