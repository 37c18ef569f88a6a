"""The account of a process's own telemetry."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Final, get_args

from opentelemetry.metrics import CallbackOptions, Observation

from otelkit import names
from otelkit._guard import in_forked_child
from otelkit.ledger.counts import Counts
from otelkit.ledger.tally import Tally
from otelkit.model.signals import Signal

SIGNALS: Final[tuple[Signal, ...]] = get_args(Signal)
UNFINISHED: Final = "unfinished at exit"
"""The reason for what is neither delivered nor given up when the process ends."""

_UNITS: Final[Mapping[Signal, tuple[str, str]]] = {
    "traces": ("span", "spans"),
    "metrics": ("metric point", "metric points"),
    "logs": ("log record", "log records"),
}


class Ledger:
    """Counts what was created, delivered, spooled, dropped and lost, per signal. Implements `model.signals.Account`.

    Every method may be called from any thread and from a signal handler, takes under a microsecond and never raises.
    A forked child starts at zero: what the parent made is in the parent's account.
    """

    def __init__(self) -> None:
        self._start_over()
        in_forked_child(self.after_fork)

    def _start_over(self) -> None:
        self._pid = os.getpid()
        self._created = {signal: Tally() for signal in SIGNALS}
        self._delivered = {signal: Tally() for signal in SIGNALS}
        self._spooled = {signal: Tally() for signal in SIGNALS}
        self._dropped = {signal: Tally() for signal in SIGNALS}
        self._lost: dict[Signal, dict[str, Tally]] = {signal: {} for signal in SIGNALS}

    def after_fork(self) -> None:
        """Start at zero in a forked child. Happens by itself; repeated calls in one process do nothing."""
        if self._pid != os.getpid():
            self._start_over()

    # -- Account ---------------------------------------------------------------------------------------------------

    def created(self, signal: Signal, count: int = 1) -> None:
        """Count what entered our path."""
        self._created[signal].add(count)

    def delivered(self, signal: Signal, count: int) -> None:
        """Count what a receiver acknowledged."""
        self._delivered[signal].add(count)

    def spooled(self, signal: Signal, count: int) -> None:
        """Count what was written to disk."""
        self._spooled[signal].add(count)

    def dropped(self, signal: Signal, count: int) -> None:
        """Count what a step left out on purpose."""
        self._dropped[signal].add(count)

    def lost(self, signal: Signal, count: int, reason: str) -> None:
        """Count what will never arrive."""
        if count <= 0:
            return
        tallies = self._lost[signal]
        tally = tallies.get(reason)
        if tally is None:
            # One step for the interpreter: two threads get the same tally.
            tally = tallies.setdefault(str(reason), Tally())
        tally.add(count)

    # -- reading ---------------------------------------------------------------------------------------------------

    def counts(self, signal: Signal) -> Counts:
        """Return the account of one signal now. ``pending`` is never negative."""
        # What was created is read last: it was counted before anything became of it.
        lost = {reason: tally.total() for reason, tally in sorted(self._lost[signal].copy().items())}
        delivered = self._delivered[signal].total()
        spooled = self._spooled[signal].total()
        dropped = self._dropped[signal].total()
        return Counts(self._created[signal].total(), delivered, spooled, dropped, lost)

    def snapshot(self) -> Mapping[Signal, Counts]:
        """Return the account of every signal now."""
        return {signal: self.counts(signal) for signal in SIGNALS}

    def losses(self, *, final: bool = False) -> Mapping[Signal, Mapping[str, int]]:
        """Return what was lost, by signal and reason; only signals that lost something.

        Args:
            final: The program ends: what is still on its way will not arrive, and is lost too.
        """
        found: dict[Signal, Mapping[str, int]] = {}
        for signal in SIGNALS:
            counts = self.counts(signal)
            reasons = dict(counts.lost)
            if final and counts.pending > 0:
                reasons[UNFINISHED] = counts.pending
            if reasons:
                found[signal] = reasons
        return found

    def report(self, *, final: bool = False) -> str | None:
        """Return one line for people that says what was lost and why; None if nothing was.

        Args:
            final: As of `losses`.
        """
        parts = []
        for signal, reasons in self.losses(final=final).items():
            total = sum(reasons.values())
            why = ", ".join(f"{number} {reason}" if len(reasons) > 1 else reason for reason, number in reasons.items())
            parts.append(f"{total} {_UNITS[signal][total != 1]} ({why})")
        return f"otelkit: lost {' and '.join(parts)}; `otelkit doctor` explains" if parts else None

    def observe_lost(self, options: CallbackOptions | None = None) -> Iterable[Observation]:
        """Yield the points of the counter `otelkit.telemetry.lost`; a callback for an observable counter."""
        for signal in SIGNALS:
            for reason, number in self.counts(signal).lost.items():
                yield Observation(number, {names.LOST_SIGNAL: signal, names.LOST_REASON: reason})
