"""What a stage must know about the process it runs in: whether it is somebody's child, and how it will end."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from typing import Final

from otelkit._guard import Barrier, in_forked_child

SEAL_S: Final = 5.0
"""Longest time that the end of a child's run or outermost stage may take to make what the child has recorded safe. That is far
less than a millisecond where it is sealed, and some where it must be sent."""

generation = 0
"""How many forks lie between this process and the one that imported us. A run begun in another generation is the parent's:
its span is ended there, and ending it here too would report it twice."""

_is_child = False
_ends_orderly = False
# Weak, since their owners are installations, which tests put up and take down.
_to_tell: list[weakref.WeakMethod[Callable[[], None]]] = []
_to_tell_before: list[weakref.WeakMethod[Callable[[], None]]] = []
_to_tell_of_start: list[weakref.WeakMethod[Callable[[], None]]] = []
_barrier: Final = Barrier("children", None)


def ends_orderly() -> None:
    """Note that this child's end runs multiprocessing's finalizers, as that of a process pool's worker does."""
    global _ends_orderly
    _ends_orderly = True


def must_seal() -> bool:
    """Return whether this is a child that may end by ``os._exit`` or a signal at any moment, past every finalizer."""
    return _is_child and not _ends_orderly


def in_child(method: Callable[[], None]) -> None:
    """Call a bound method in every child that is forked, and in this process should it turn out to be a child itself.

    A process that multiprocessing starts anew (spawn) is an ordinary program until it says who it is, before its work begins.
    The method's object is not kept alive by this.
    """
    in_forked_child(method)
    _remember(method, _to_tell)


def before_one_starts(method: Callable[[], None]) -> None:
    """Call a bound method, which must not raise, in this process each time it is about to start a child of itself.

    What it does the child finds done, in its memory or its environment. The method's object is not kept alive by this.
    """
    _remember(method, _to_tell_before)


def when_one_starts(method: Callable[[], None]) -> None:
    """Call a bound method, which must not raise, in this process each time it has started a child of itself.

    Programs started by ``subprocess`` are none. The method's object is not kept alive by this.
    """
    _remember(method, _to_tell_of_start)


def one_is_to_start() -> None:
    """Note that this process is about to start a child that is not forked; what is forked is noted by itself."""
    _tell(_to_tell_before)


def one_starts() -> None:
    """Note that this process has started a child that is not forked; what is forked is noted by itself."""
    _tell(_to_tell_of_start)


def _tell(whom: list[weakref.WeakMethod[Callable[[], None]]]) -> None:
    for known in tuple(whom):
        method = known()
        if method is not None:
            method()


def _remember(method: Callable[[], None], where: list[weakref.WeakMethod[Callable[[], None]]]) -> None:
    where[:] = [known for known in where if known() is not None]
    where.append(weakref.WeakMethod(method))


def is_one() -> None:
    """Note that this process is a child; what was forked has noted it already. Repeated calls do nothing."""
    global _is_child
    if _is_child:
        return
    _is_child = True
    for known in _to_tell:
        method = known()
        if method is not None:
            try:
                method()
            except Exception as error:  # noqa: BLE001 - the child must start, and the others must be told
                _barrier.fault(error, "adapt to a child process")


def _forked() -> None:
    global generation, _is_child, _ends_orderly
    generation += 1
    _is_child = True
    _ends_orderly = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=one_is_to_start, after_in_parent=one_starts, after_in_child=_forked)
