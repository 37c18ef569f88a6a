"""A process's account, written to a file at its end: for whoever wants to add up what became of everything."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from otelkit.ledger.ledger import Ledger

_PRIVATE: Final = 0o600


def append_account(path: Path, ledger: Ledger, *, run_id: str) -> None:
    """Add one line to the file at ``path``: a JSON object with the process's id, its run's, and the account of each signal.

    Of each signal it has `created`, `delivered`, `spooled`, `dropped`, `lost` (reason -> how many) and `pending`, which is
    what is left of the first after all others: 0 unless the process ended in the middle of something.

    Raises:
        OSError: The file can't be written.
    """
    accounts = {
        signal: {
            "created": counts.created,
            "delivered": counts.delivered,
            "spooled": counts.spooled,
            "dropped": counts.dropped,
            "lost": dict(counts.lost),
            "pending": counts.pending,
        }
        for signal, counts in ledger.snapshot().items()
    }
    line = json.dumps({"pid": os.getpid(), "run": run_id, "accounts": accounts}) + "\n"
    # One write to a file opened for appending: lines of several processes do not mix.
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, _PRIVATE)
    try:
        os.write(file, line.encode("utf-8"))
    finally:
        os.close(file)
