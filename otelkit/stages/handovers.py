"""``put`` and ``get`` of a watched queue: each is timed, and takes along which span the item comes from."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from otelkit import _current, names
from otelkit.stages import links
from otelkit.stages.calls import current_call

if TYPE_CHECKING:
    from opentelemetry.metrics import Histogram
    from opentelemetry.trace import SpanContext

# Any below: a queue of any make, its items, and the arguments of its methods.
_Method = Callable[..., Any]

wait: Histogram | None = None
"""Records waits; set where metrics are on."""


class Carrier(Protocol):
    """Brings the span that put an item to whoever takes it."""

    def send(self, item: Any, context: SpanContext | None) -> Any:
        """Return what to put in place of the item, which the span puts; mostly the item itself."""

    def withdraw(self, item: Any) -> None:
        """Take back the last `send` of an item that could not be put."""

    def expect(self) -> None:
        """Get ready for a `receive`."""

    def receive(self, item: Any) -> SpanContext | None:
        """Return the span that put an item which was just taken; None if it is not known."""


class WatchedQueue(Protocol):
    """What is known of a queue that is watched."""

    _otelkit_queue: Any
    _otelkit_name: str
    _otelkit_carrier: Carrier


class Operation(NamedTuple):
    """How a method of one kind is watched."""

    plain: Callable[[str], _Method]
    """Makes the method of this name, a function."""
    suspending: Callable[[str], _Method]
    """Makes the method of this name, a coroutine function."""


def _put(name: str) -> _Method:
    def method(self: WatchedQueue, *args: Any, **kwargs: Any) -> Any:
        original = getattr(self._otelkit_queue, name)
        if _current.runtime is None:
            return original(*args, **kwargs)
        sent, args, kwargs = _sent(self, args, kwargs)
        started_ns = time.perf_counter_ns()
        try:
            result = original(*args, **kwargs)
        except BaseException:
            _withdraw(self, sent)
            raise
        _waited(self, "put", started_ns)
        return result

    return _named(method, name)


def _put_suspending(name: str) -> _Method:
    async def method(self: WatchedQueue, *args: Any, **kwargs: Any) -> Any:
        original = getattr(self._otelkit_queue, name)
        if _current.runtime is None:
            return await original(*args, **kwargs)
        sent, args, kwargs = _sent(self, args, kwargs)
        started_ns = time.perf_counter_ns()
        try:
            result = await original(*args, **kwargs)
        except BaseException:
            _withdraw(self, sent)
            raise
        _waited(self, "put", started_ns)
        return result

    return _named(method, name)


def _get(name: str) -> _Method:
    def method(self: WatchedQueue, *args: Any, **kwargs: Any) -> Any:
        original = getattr(self._otelkit_queue, name)
        if _current.runtime is None:
            return original(*args, **kwargs)
        self._otelkit_carrier.expect()
        started_ns = time.perf_counter_ns()
        item = original(*args, **kwargs)
        _waited(self, "get", started_ns)
        _received(self, item)
        return item

    return _named(method, name)


def _get_suspending(name: str) -> _Method:
    async def method(self: WatchedQueue, *args: Any, **kwargs: Any) -> Any:
        original = getattr(self._otelkit_queue, name)
        if _current.runtime is None:
            return await original(*args, **kwargs)
        self._otelkit_carrier.expect()
        started_ns = time.perf_counter_ns()
        item = await original(*args, **kwargs)
        _waited(self, "get", started_ns)
        _received(self, item)
        return item

    return _named(method, name)


OPERATIONS: Final[Mapping[str, Operation]] = {
    "put": Operation(_put, _put_suspending),
    "get": Operation(_get, _get_suspending),
}
"""Operation -> how its method, and that of the same name with ``_nowait``, is watched."""


def _named(method: _Method, name: str) -> _Method:
    # A bound method is pickled by its name.
    method.__name__ = name
    return method


# Below: nothing that fails here may keep an item from its consumer, or lose one.


def _sent(
    watched: WatchedQueue, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], tuple[Any, ...], dict[str, Any]]:
    """Return the item that is put, in a tuple that is empty if it is not known, and the arguments to put it with."""
    with contextlib.suppress(Exception):
        if args:
            item, *rest = args
            return (item,), (watched._otelkit_carrier.send(item, links.producer()), *rest), kwargs
        for key in ("item", "obj"):  # as queue, asyncio and multiprocessing call it
            if key in kwargs:
                item = kwargs[key]
                return (item,), args, {**kwargs, key: watched._otelkit_carrier.send(item, links.producer())}
    return (), args, kwargs


def _withdraw(watched: WatchedQueue, sent: tuple[Any, ...]) -> None:
    with contextlib.suppress(Exception):
        for item in sent:
            watched._otelkit_carrier.withdraw(item)


def _received(watched: WatchedQueue, item: Any) -> None:
    with contextlib.suppress(Exception):
        context = watched._otelkit_carrier.receive(item)
        if context is not None:
            links.receive(context)


def _waited(watched: WatchedQueue, operation: str, started_ns: int) -> None:
    """Record a wait that has ended; one that ended empty-handed (`queue.Empty`, cancelled) has handed over no item."""
    waited_ns = time.perf_counter_ns() - started_ns
    with contextlib.suppress(Exception):
        call = current_call()
        if call is not None:
            if operation == "get":
                call.queued(waited_ns=waited_ns)
            else:
                call.queued(blocked_ns=waited_ns)
        if wait is not None:
            wait.record(waited_ns / 1e9, {names.QUEUE_NAME: watched._otelkit_name, names.LABEL_OPERATION: operation})
