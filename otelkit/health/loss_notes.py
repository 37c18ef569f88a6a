"""What a process lost, noted on disk at its end, so that the doctor can tell of it later.

One JSON object a line in ``losses.jsonl`` in the store's folder, written by each process that lost something. The counter
`otelkit.telemetry.lost` says the same in the store, but not what was lost after its last export, nor where the store is not
reached at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from otelkit.health import note_file
from otelkit.model.signals import Signal
from otelkit.model.views import LossRow

FILE_NAME: Final = "losses.jsonl"
_MOST_BYTES: Final = 256 * 1024
"""Size from which on the file is set aside, and the one set aside before it deleted: about 1000 processes each."""


def note_losses(folder: Path, losses: Mapping[Signal, Mapping[str, int]], *, run_id: str, run_name: str) -> None:
    """Note what this process has lost. Never raises: a folder that can't be written has no notes.

    Args:
        folder: The store's.
        losses: Signal → reason → how many.
        run_id: Of the run that the process belongs to; empty: not known.
        run_name: For people.
    """
    lost = {signal: dict(by_reason) for signal, by_reason in losses.items() if by_reason}
    if not lost:
        return
    note = {"run": run_id, "name": run_name[:200], "when": note_file.now(), "lost": lost}
    try:
        note_file.append(folder / FILE_NAME, note, most_bytes=_MOST_BYTES, keep="newest")
    except OSError:
        return


def read_losses(folder: Path, max_age_s: float = 7 * 86_400.0) -> list[LossRow]:
    """Return what the processes of each run lost, summed up, by run, signal and reason. Damaged notes are passed over.

    Args:
        folder: The store's.
        max_age_s: Older notes are left out.
    """
    oldest = note_file.ago(max_age_s)
    sums: dict[tuple[str, str, str], LossRow] = {}
    for note in note_file.read(folder / FILE_NAME):
        try:
            run_id, name, when = str(note["run"]), str(note["name"]), str(note["when"])
            found = [
                (str(signal), str(reason), int(count))
                for signal, by_reason in note["lost"].items()
                for reason, count in by_reason.items()
            ]
        except (AttributeError, KeyError, TypeError, ValueError):
            continue
        if when < oldest:
            continue
        for signal, reason, count in found:
            before = sums.get((run_id, signal, reason))
            count += before.count if before is not None else 0
            sums[run_id, signal, reason] = LossRow(run_id, name, when, signal, reason, count)
    return list(sums.values())
