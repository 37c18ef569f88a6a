"""Keeps our failures away from the host.

Code of ours or of a plugin that runs inside the user's program runs inside a `Barrier`: what it raises is counted, logged
once per cause, and goes no further. After `Barrier.LIMIT` faults in a row the guarded part is switched off.
The user's own exceptions never pass through here. `in_forked_child` makes locks and buffers anew after a fork.
"""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Final

_log = logging.getLogger("otelkit.guard")

# Set by our test-suite, so that a contained bug of our own still fails a test.
reraise_in_tests = False

# Set when otelkit is installed: told of every contained fault, besides a barrier's own listener. Must not raise.
on_any_fault: Callable[[Barrier], None] | None = None


class Barrier:
    """Counts and contains the faults of one guarded part (a step, an observer, a describer …).

    Thread-safe: counts are approximate under contention by design, the log line per cause is not repeated. Fork-safe by itself.
    """

    LIMIT: Final = 10
    """Faults in a row after which the part is switched off."""

    __slots__ = (
        "__weakref__", "_causes", "_lock", "_on_fault", "_rows", "distribution", "faults", "last_cause", "name", "off",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        distribution: str | None = None,
        on_fault: Callable[[Barrier], None] | None = None,
    ) -> None:
        self.name = name
        self.distribution = distribution
        self.faults = 0
        self.last_cause: str | None = None
        self.off = False
        # What was being done -> faults since it last went well.
        self._rows: dict[str, int] = {}
        self._causes: set[str] = set()
        self._lock = threading.Lock()
        self._on_fault = on_fault
        in_forked_child(self.after_fork)

    def fault(self, error: BaseException, doing: str) -> None:
        """Record that the part raised ``error`` while ``doing`` something; never raises (except under our tests)."""
        if reraise_in_tests and self.distribution is None:
            raise error
        cause = f"{type(error).__name__}: {_text_of(error)}"[:500]
        with self._lock:
            self.faults += 1
            self._rows[doing] = self._rows.get(doing, 0) + 1
            self.last_cause = f"{doing}: {cause}"
            key = f"{doing}:{type(error).__qualname__}"
            first = key not in self._causes and len(self._causes) < 20
            if first:
                self._causes.add(key)
            switched_off = not self.off and sum(self._rows.values()) >= self.LIMIT
            if switched_off:
                self.off = True
        origin = f" (distribution {self.distribution})" if self.distribution else ""
        if first:
            _log.warning("%s%s failed in %s: %s; it is skipped and counted", self.name, origin, doing, cause)
        if switched_off:
            _log.warning(
                "%s%s switched off after %d faults in a row; `otelkit doctor` has more", self.name, origin, self.LIMIT
            )
        for listener in (self._on_fault, on_any_fault):
            if listener is not None:
                listener(self)

    def success(self, doing: str | None = None) -> None:
        """Record one call that went well, which ends the row of faults in ``doing`` this; None: in doing anything.

        A part that does one thing well and always fails in another is switched off all the same.
        """
        if self._rows:
            if doing is None:
                self._rows = {}
            else:
                self._rows.pop(doing, None)

    def after_fork(self) -> None:
        """Give the child its own lock: the parent's may be held by a thread that does not exist here."""
        self._lock = threading.Lock()


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a stranger's exception may fail even at saying what it is
        return "(it can't be printed)"


# Objects and which of their methods. No callbacks that tidy up: at the interpreter's end they would run in a half-dismantled
# module and complain on the user's stderr.
_after_fork: list[tuple[weakref.ref[object], str]] = []
_tidy_at = 256


def in_forked_child(method: Callable[[], None]) -> None:
    """Call a bound method in every child that is forked while its object lives.

    The object is not kept alive by this. Methods run in the order of their registration, on the child's only thread; they
    make locks anew (a thread that is not in the child may hold the old ones) and forget what is the parent's.
    """
    global _tidy_at
    if len(_after_fork) >= _tidy_at:
        for entry in tuple(_after_fork):
            if entry[0]() is None:
                # One by one, each in one step for the interpreter: other threads may register meanwhile.
                with suppress(ValueError):
                    _after_fork.remove(entry)
        _tidy_at = max(256, 2 * len(_after_fork))
    owner: object = method.__self__  # type: ignore[attr-defined] # a bound method has one; a plain function fails here
    _after_fork.append((weakref.ref(owner), method.__name__))


def _run_in_forked_child() -> None:
    for reference, name in tuple(_after_fork):
        owner = reference()
        if owner is None:
            continue
        try:
            getattr(owner, name)()
        except Exception:  # noqa: BLE001 - one that fails must not keep the others from making their locks anew
            _log.exception("a part of otelkit failed to adapt to a forked process")


if hasattr(os, "register_at_fork"):
    # One for all: what is registered here stays for the life of the process.
    os.register_at_fork(after_in_child=_run_in_forked_child)
