"""A process's account, written to a file at its end: for whoever wants to add up what became of everything."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

from otelkit._folder import append_line
from otelkit.ledger.ledger import Ledger


def append_account(path: Path, ledger: Ledger, *, run_id: str) -> None:
    """Add one line to the file at ``path``: a JSON object with the process's id, its run's, and the account of each signal.

    Of each signal it has `created`, `delivered`, `spooled`, `dropped`, `lost` (reason -> how many) and `pending`, which is
    what is left of the first after all others: 0 unless the process ended in the middle of something.

    Raises:
        OSError: The file can't be written.
    """
    accounts = {signal: {**asdict(counts), "pending": counts.pending} for signal, counts in ledger.snapshot().items()}
    append_line(path, json.dumps({"pid": os.getpid(), "run": run_id, "accounts": accounts}))
