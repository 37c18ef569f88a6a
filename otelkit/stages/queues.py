"""``otelkit.watch``: the depth and capacity of a queue, how long ``put`` and ``get`` wait, and whose item ``get`` returns."""

from __future__ import annotations

import inspect
import os
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

from otelkit.stages import handovers, links, parcels
from otelkit.stages.waybills import Waybills

# Any below: a queue of any make, and its items.
Q = TypeVar("Q")

_UNBOUNDED: Final = 2**31 - 1
"""What multiprocessing writes for a queue without a limit: the largest value of a semaphore."""

_SPECIAL: Final = tuple(
    f"__{name}__"
    for name in (
        "len",
        "bool",
        "iter",
        "next",
        "contains",
        "getitem",
        "enter",
        "exit",
        "aenter",
        "aexit",
        "aiter",
        "anext",
    )
)
"""Methods that Python looks up on the class, past ``__getattr__``; passed on where the queue has them."""

_NEWEST_FIRST: Final = frozenset({"queue.LifoQueue", "asyncio.queues.LifoQueue"})
_SAME_OBJECTS: Final = frozenset({"queue.Queue", "_queue.SimpleQueue", "queue._PySimpleQueue", "asyncio.queues.Queue"})
"""Queues that hand out the very objects that were put."""

_watched: weakref.WeakSet[Watched] = weakref.WeakSet()
_classes: dict[type, type[Watched]] = {}


def watch(queue: Q, name: str) -> Q:
    """Return ``queue`` as it was, but watched: use what is returned in place of it.

    For queues with ``put`` and ``get``, as functions or as coroutine functions: those of `queue`, `asyncio` and
    `multiprocessing`, and others built like them. Every ``put`` and ``get`` through the returned object is timed, `qsize` and
    ``maxsize`` are read when metrics are collected, in the process that watches. The stage that takes an item gets a link to
    the span in which it was put; items are handed on as they are. It is an instance of the queue's class as far as
    ``isinstance`` goes, and can be handed to a child process where the queue can.

    Args:
        queue: The queue; it stays as it is and may be used directly, unwatched.
        name: `pipeline.queue.name`; by convention ``producer->consumer``.

    Raises:
        TypeError: It has no ``put`` and ``get``.
    """
    if isinstance(queue, Watched) or type(queue) in _classes.values():
        return queue
    if not (callable(getattr(queue, "put", None)) and callable(getattr(queue, "get", None))):
        raise TypeError(f"otelkit.watch was given {queue!r}; expected a queue with the methods `put` and `get`.")
    watched: Any = _watched_elsewhere(queue, name)
    _watched.add(watched)
    result: Q = watched
    return result


def watched_queues() -> Iterator[Watched]:
    """Yield the queues that this process watches."""
    yield from list(_watched)


class Watched:
    """Behaves as the queue in it, and watches ``put`` and ``get``."""

    _otelkit_queue: Any
    _otelkit_name: str
    _otelkit_carrier: handovers.Carrier

    def __init__(self, queue: Any, name: str) -> None:
        object.__setattr__(self, "_otelkit_queue", queue)
        object.__setattr__(self, "_otelkit_name", name)
        object.__setattr__(self, "_otelkit_carrier", _carrier_for(queue))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._otelkit_queue, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._otelkit_queue, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._otelkit_queue, name)

    @property  # type: ignore[misc]  # mypy wants a class here; what is asked for is the queue's own class
    def __class__(self) -> Any:
        return type(self._otelkit_queue)

    def __repr__(self) -> str:
        return repr(self._otelkit_queue)

    def __reduce__(self) -> tuple[Any, ...]:
        return _watched_elsewhere, (self._otelkit_queue, self._otelkit_name)


def name_of(watched: Watched) -> str:
    """Return the name given to `watch`."""
    return watched._otelkit_name


def depth_of(watched: Watched) -> int | None:
    """Return how many items wait; None if this queue can't tell (multiprocessing's, on macOS)."""
    return _depth(watched._otelkit_queue)


def capacity_of(watched: Watched) -> int | None:
    """Return how many items fit; None for an unbounded queue."""
    queue = watched._otelkit_queue
    limit = getattr(queue, "maxsize", None)
    if not isinstance(limit, int):
        limit = getattr(queue, "_maxsize", None)  # multiprocessing's name for it
    return limit if isinstance(limit, int) and 0 < limit < _UNBOUNDED else None


def _class_for(cls: type) -> type[Watched]:
    """Return the class that watches queues of ``cls``, with the methods that these have."""
    found = _classes.get(cls)
    if found is None:
        methods = {name: _passed_on(name) for name in _SPECIAL if hasattr(cls, name)}
        for operation in ("put", "get"):
            suspends = inspect.iscoroutinefunction(getattr(cls, operation, None))
            make = handovers.OPERATIONS[operation]
            methods[operation] = (make.suspending if suspends else make.plain)(operation, getattr(cls, operation))
            if hasattr(cls, f"{operation}_nowait"):
                methods[f"{operation}_nowait"] = make.plain(f"{operation}_nowait", getattr(cls, f"{operation}_nowait"))
        found = _classes[cls] = type(f"Watched{cls.__name__}", (Watched,), methods)
    return found


def _watched_elsewhere(queue: Any, name: str) -> Any:
    """Return a queue that came from another process: its waits are recorded here, its depth is reported there."""
    links.begin()
    return _class_for(type(queue))(queue, name)


def _carrier_for(queue: Any) -> handovers.Carrier:
    """Return what brings the spans of a queue's producers to its consumers."""
    if parcels.fits(queue):
        return parcels.Parcels()
    cls = type(queue)
    # By name: importing them for this question would cost a program that does not.
    known = {f"{each.__module__}.{each.__qualname__}" for each in cls.__mro__}
    return Waybills(
        lambda: _depth(queue),
        newest_first=not known.isdisjoint(_NEWEST_FIRST),
        trusted=not known.isdisjoint(_SAME_OBJECTS),
    )


def _depth(queue: Any) -> int | None:
    try:
        depth = queue.qsize()
    except Exception:  # noqa: BLE001 - a stranger's queue, perhaps closed
        return None
    return depth if isinstance(depth, int) else None


def _passed_on(name: str) -> Callable[..., Any]:
    def method(self: Watched, *args: Any) -> Any:
        return getattr(self._otelkit_queue, name)(*args)

    return method


def _in_child() -> None:
    # The parent reports the depth; the child, which shares the queue, records its own waits.
    global _watched
    _watched = weakref.WeakSet()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
