"""A ``multiprocessing.Process`` works for who started it, also where it is not forked and has none of its parent's memory."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

from otelkit._guard import Barrier
from otelkit.stages import children
from otelkit.stages.attached import attach, get_current
from otelkit.stages.carried import Carried, carry, context_of

# Any below: a process object of the user's own class.
_CARRIED: Final = "_otelkit_carried"
"""Attribute of a process object while it is being started."""

_barrier: Final = Barrier("child processes", None)


class _OnItsWay:
    """Becomes a plain tuple by pickling: a child without otelkit can read it, and a forked one, where it is still this, needs
    nothing, since it has the whole context."""

    __slots__ = ("carried",)

    def __init__(self, carried: Carried) -> None:
        self.carried = carried

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (tuple(self.carried),)


def start_with_context(start: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``Process.start``, carrying the context in which it is called."""

    @functools.wraps(start)
    def started(self: Any) -> Any:
        try:
            vars(self)[_CARRIED] = _OnItsWay(carry(get_current()))
        except Exception as error:  # noqa: BLE001 - the process must start, whatever is in its context
            _barrier.fault(error, "carry a context")
        children.one_is_to_start()
        try:
            return start(self)
        finally:
            vars(self).pop(_CARRIED, None)
            children.one_starts()

    return started


def begin_with_context(bootstrap: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``Process._bootstrap``, which does all that a child of multiprocessing does, beginning in the carried context.

    It is private; but what is public (``multiprocessing.util.register_after_fork``) does not run in spawned children.
    """

    @functools.wraps(bootstrap)
    def begun(self: Any, *args: Any, **kwargs: Any) -> Any:
        children.is_one()
        try:
            carried = vars(self).pop(_CARRIED, None)
            if isinstance(carried, tuple):
                # For good: it is the context of all that the child does.
                attach(context_of(Carried(*carried)))
        except Exception as error:  # noqa: BLE001 - the child must start; the words may be those of another version of ours
            _barrier.fault(error, "take up a context")
        return bootstrap(self, *args, **kwargs)

    return begun
