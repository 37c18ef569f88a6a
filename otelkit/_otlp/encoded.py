"""Requests of OTLP, and how many items are in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeVar

REQUEST_BYTES: Final = 1024 * 1024
"""A request of about this size is taken by every receiver; gRPC's default limit is 4 MiB."""

Item = TypeVar("Item")


class Encoded(NamedTuple):
    """A request, and what is in it."""

    body: bytes
    """A whole ``Export…ServiceRequest``; several of them put together are one again. Empty if no item is in it."""
    written: int
    """Items in ``body``: spans, log records, or metric points."""
    left_out: int
    """Items that could not be written."""


Encode = Callable[[Any], Sequence[Encoded]]  # Any: a sequence of spans or of log records, or the SDK's MetricsData
"""Writes a batch as requests, in order. Never raises for what an item is."""


def in_requests(encode: Callable[[Sequence[Item]], Encoded], items: Sequence[Item], most_bytes: int) -> list[Encoded]:
    """Return requests with ``items``, in order, each of at most ``most_bytes`` unless it holds a single item.

    A receiver that refuses a large request then refuses no more than the item that makes it large.
    """
    encoded = encode(items)
    if len(encoded.body) <= most_bytes or len(items) < 2:
        return [encoded]
    # Each alone first, to know its size: however large one item is, nothing is written more than three times.
    requests: list[Encoded] = []
    together, size = 0, 0
    for place in range(len(items)):
        alone = encode(items[place : place + 1])
        if together and size + len(alone.body) > most_bytes:
            requests.append(encode(items[place - together : place]))
            together, size = 0, 0
        together, size = together + 1, size + len(alone.body)
        if size > most_bytes:
            requests.append(alone)
            together, size = 0, 0
    if together:
        requests.append(encode(items[len(items) - together :]))
    return requests
