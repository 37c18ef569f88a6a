"""``put`` and ``get`` of a watched queue: each is timed, and takes along which span the item comes from."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from otelkit import _current
from otelkit.stages import links
from otelkit.stages.queue_times import GET, PUT
from otelkit.stages.staged import StagedCallable
from otelkit.stages.turns import Turn

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

# Any below: a queue of any make, its items, and the arguments of its methods.
_Method = Callable[..., Any]


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

    plain: Callable[[str, _Method], _Method]
    """Makes the method of this name, a function, in place of the given one."""
    suspending: Callable[[str, _Method], _Method]
    """Makes the method of this name, a coroutine function, in place of the given one."""


def _put(name: str, original: _Method) -> _Method:
    def method(self: WatchedQueue, *args: Any, **kwargs: Any) -> Any:
        put = getattr(self._otelkit_queue, name)
        if _current.runtime is None:
            return put(*args, **kwargs)
        turn = _begun(self, PUT)
        sent, args, kwargs = _sent(self, turn, args, kwargs)
        try:
            result = put(*args, **kwargs)
        except BaseException:
            _refused(self, turn, sent)
            raise
        _done(turn)
        return result

    return _named(method, name)


def _put_suspending(name: str, original: _Method) -> _Method:
    async def method(self: WatchedQueue, *args: Any, **kwargs: Any) -> Any:
        put = getattr(self._otelkit_queue, name)
        if _current.runtime is None:
            return await put(*args, **kwargs)
        turn = _begun(self, PUT)
        sent, args, kwargs = _sent(self, turn, args, kwargs)
        try:
            result = await put(*args, **kwargs)
        except BaseException:
            _refused(self, turn, sent)
            raise
        _done(turn)
        return result

    return _named(method, name)


def _get(name: str, original: _Method) -> _Method:
    def method(self: WatchedQueue, *args: Any, **kwargs: Any) -> Any:
        get = getattr(self._otelkit_queue, name)
        if _current.runtime is None:
            return get(*args, **kwargs)
        turn = _begun(self, GET)
        try:
            item = get(*args, **kwargs)
        except BaseException:
            _refused(self, turn, ())
            raise
        _done(turn)
        _received(self, turn, item)
        return item

    return _named(method, name)


def _get_suspending(name: str, original: _Method) -> _Method:
    async def got(self: WatchedQueue, get: _Method, args: Any, kwargs: Any, turn: Turn | None) -> Any:
        _started(turn)
        try:
            item = await get(*args, **kwargs)
        except BaseException:
            _refused(self, turn, ())
            raise
        _done(turn)
        _received(self, turn, item)
        return item

    def method(self: WatchedQueue, *args: Any, **kwargs: Any) -> Any:
        get = getattr(self._otelkit_queue, name)
        if _current.runtime is None:
            return get(*args, **kwargs)
        # Here, and not in the coroutine: who calls `get` is who gets the item, though `wait_for` or `create_task` may run the
        # coroutine as a task of its own.
        return got(self, get, args, kwargs, _made(self, GET))

    return StagedCallable(original, _named(method, name))


OPERATIONS: Final[Mapping[str, Operation]] = {
    PUT: Operation(_put, _put_suspending),
    GET: Operation(_get, _get_suspending),
}
"""Operation -> how its method, and that of the same name with ``_nowait``, is watched."""


def _named(method: _Method, name: str) -> _Method:
    # A bound method is pickled by its name.
    method.__name__ = name
    return method


# Below: nothing that fails here may keep an item from its consumer, or lose one. `try` and not `contextlib.suppress`, which
# costs half a microsecond: every item passes here.


def _made(watched: WatchedQueue, operation: str) -> Turn | None:
    try:
        return Turn(operation, watched._otelkit_name)
    except Exception:  # noqa: BLE001 - see above
        return None


def _started(turn: Turn | None) -> None:
    if turn is not None:
        try:  # noqa: SIM105 - see above
            turn.start()
        except Exception:  # noqa: BLE001 - see above
            pass


def _begun(watched: WatchedQueue, operation: str) -> Turn | None:
    try:
        if operation == GET:
            watched._otelkit_carrier.expect()
        turn = Turn(operation, watched._otelkit_name)
        turn.start()
    except Exception:  # noqa: BLE001 - see above
        return None
    return turn


def _done(turn: Turn | None) -> None:
    if turn is not None:
        try:  # noqa: SIM105 - see above
            turn.end(handed_over=True)
        except Exception:  # noqa: BLE001 - see above
            pass


def _refused(watched: WatchedQueue, turn: Turn | None, sent: tuple[Any, ...]) -> None:
    with contextlib.suppress(Exception):
        for item in sent:
            watched._otelkit_carrier.withdraw(item)
    with contextlib.suppress(Exception):
        if turn is not None:
            turn.end(handed_over=False)


def _sent(
    watched: WatchedQueue, turn: Turn | None, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], tuple[Any, ...], dict[str, Any]]:
    """Return the item that is put, in a tuple that is empty if it is not known, and the arguments to put it with."""
    try:
        context = links.producer(None if turn is None else turn.call)
        if args:
            sent = watched._otelkit_carrier.send(args[0], context)
            return args[:1], args if sent is args[0] else (sent, *args[1:]), kwargs
        for key in ("item", "obj"):  # as queue, asyncio and multiprocessing call it
            if key in kwargs:
                item = kwargs[key]
                return (item,), args, {**kwargs, key: watched._otelkit_carrier.send(item, context)}
    except Exception:  # noqa: BLE001 - see above
        pass
    return (), args, kwargs


def _received(watched: WatchedQueue, turn: Turn | None, item: Any) -> None:
    try:
        context = watched._otelkit_carrier.receive(item)
        if context is not None and turn is not None:
            links.receive(context, turn.call, turn.place)
    except Exception:  # noqa: BLE001 - see above
        pass
