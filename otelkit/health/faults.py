"""What plugins did wrong while a program ran, noted on disk so that ``otelkit plugins`` and ``doctor`` can tell later.

One JSON object a line in ``faults.jsonl`` in the store's folder. Written by the instrumented program at the first fault of
each part and cause, and when a part is switched off: never more than `_MOST_NOTES` lines by one process.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from otelkit._guard import Barrier
from otelkit.health import note_file

FILE_NAME: Final = "faults.jsonl"
_MOST_NOTES: Final = 50
_MOST_BYTES: Final = 256 * 1024
"""Size of the file above which nothing is added: old news suffice."""
_CAUSE_CHARACTERS: Final = 300


@dataclass(frozen=True, slots=True)
class Fault:
    """What one part did wrong, over all processes that noted something."""

    name: str
    """The step, observer or describer."""
    distribution: str | None
    count: int
    """At least this many faults: later ones of the same cause are not noted."""
    cause: str
    """The last one: ``on_end: ValueError: …``."""
    when: str
    """Of the last one; RFC 3339, UTC, to the second."""
    switched_off: bool


class FaultNotes:
    """Notes the faults of barriers: give `note` to `Barrier` as ``on_fault``.

    Thread-safe, and safe with several processes on one file. Never raises: a folder that can't be written has no notes.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        # No lock, so that a fork can't leave it held: two threads at once may note the same fault twice.
        self._noted: set[tuple[str, str, bool]] = set()

    def note(self, barrier: Barrier) -> None:
        """Write the barrier's last fault down, unless one of that kind was noted before."""
        cause = barrier.last_cause or "unknown"
        # Up to the exception's type: the text may differ at each fault.
        key = (barrier.name, ":".join(cause.split(":", 2)[:2]), barrier.off)
        if key in self._noted or len(self._noted) >= _MOST_NOTES:
            return
        self._noted.add(key)
        note = {
            "name": barrier.name,
            "distribution": barrier.distribution,
            "count": barrier.faults,
            "cause": cause[:_CAUSE_CHARACTERS],
            "when": note_file.now(),
            "switched_off": barrier.off,
        }
        try:
            note_file.append(self._path, note, most_bytes=_MOST_BYTES, keep="oldest")
        except OSError:
            return


def read_faults(folder: Path, max_age_s: float = 7 * 86_400.0) -> list[Fault]:
    """Return the faults noted in ``folder``, one for each part, by name. Damaged lines are passed over.

    Args:
        folder: The store's.
        max_age_s: Older notes are left out.
    """
    oldest = note_file.ago(max_age_s)
    latest: dict[tuple[str, str | None], Fault] = {}
    for fault in _parsed(folder / FILE_NAME):
        if fault.when < oldest:
            continue
        key = (fault.name, fault.distribution)
        before = latest.get(key)
        latest[key] = fault if before is None else _joined(before, fault)
    return sorted(latest.values(), key=lambda fault: fault.name)


def _parsed(path: Path) -> Iterator[Fault]:
    for note in note_file.read(path):
        try:
            yield Fault(
                str(note["name"]),
                str(note["distribution"]) if note["distribution"] else None,
                int(note["count"]),
                str(note["cause"]),
                str(note["when"]),
                bool(note["switched_off"]),
            )
        except (ValueError, KeyError, TypeError):
            continue


def _joined(before: Fault, after: Fault) -> Fault:
    return Fault(
        after.name,
        after.distribution,
        max(before.count, after.count),
        after.cause,
        after.when,
        before.switched_off or after.switched_off,
    )
