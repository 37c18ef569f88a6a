"""How much memory a span takes while it is held back: an estimate that rather says too much than too little.

The constants were measured with `tracemalloc`, CPython 3.11 to 3.13, and rounded up; `tests/spans/test_held_bytes.py` compares.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from sys import getsizeof
from typing import TYPE_CHECKING, Any, Final

from otelkit.spans.attribute_values import SCALARS

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.trace import Link

    from otelkit.spans.span_extras import SpanExtras

BARE_BYTES: Final = 520
"""A stage span with nothing of its own, its share of what its trace shares, and its place in the books of who holds it."""

_SDK_BYTES: Final = 3000
_CONTAINER: Final = 360
"""A mapping or list of its own, and the place where the span remembers it."""
_ENTRY: Final = 110
"""A key and its place, without the value."""
_EXTRAS: Final = 800
_EVENT: Final = 1100
_LINK: Final = 1100
_UNKNOWN: Final = 1100


def held_bytes(
    item: str | None,
    described: Sequence[tuple[str, Any]] | None,  # Any: attribute values, the user's too
    attributes: Mapping[str, Any] | None,  # Any: see above
    extras: SpanExtras | None,
) -> int:
    """Return what a stage span's own things take, without `BARE_BYTES`."""
    total = getsizeof(item) if item is not None else 0
    if described:
        total += _CONTAINER + sum([_ENTRY + _size(value) for _, value in described])
    if attributes:
        # In one step: it has ended, but a thread may be late.
        total += _CONTAINER + sum([_ENTRY + _size(value) for value in tuple(attributes.values())])
    if extras is not None:
        total += _EXTRAS + _happenings(extras.events or (), extras.links or ())
    return total


def sdk_span_bytes(span: ReadableSpan) -> int:
    """Return what a span of the SDK takes."""
    attributes = span.attributes or {}
    return (
        _SDK_BYTES
        + sum([_ENTRY + _size(value) for value in tuple(attributes.values())])
        + _happenings(span.events, span.links)
    )


def _happenings(events: Iterable[Event], links: Iterable[Link]) -> int:
    total = 0
    for event in events:
        total += _EVENT + sum([_ENTRY + _size(value) for value in (event.attributes or {}).values()])
    for link in links:
        total += _LINK + sum([_ENTRY + _size(value) for value in (link.attributes or {}).values()])
    return total


def _size(value: Any) -> int:  # Any: see above
    # Only of what is known not to fail: the user's own classes may answer anything.
    kind = type(value)
    if kind in SCALARS:
        return getsizeof(value)
    if kind is tuple or kind is list:
        return getsizeof(value) + sum([_size(each) for each in value])
    return _UNKNOWN
