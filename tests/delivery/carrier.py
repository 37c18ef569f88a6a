"""A transport that answers as it is told, and an `Outgoing` with everything around it."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from otelkit.delivery.notice import Notice
from otelkit.delivery.outgoing import Outgoing
from otelkit.delivery.pace import Patience
from otelkit.delivery.spool import Spool, read_spool
from otelkit.delivery.transport import Answer, Taken
from otelkit.ledger.ledger import Ledger

HASTY = Patience(first_s=0.001, longest_s=0.01, young_s=0.0, local_s=0.01)
"""Tries again at once, and spools at once."""
STEADY = Patience(first_s=0.001, longest_s=0.01, young_s=600.0, local_s=0.01)
"""Tries again at once, and spools only at the end."""


class Carrier:
    """Takes everything, or answers with what ``answer`` says to a body."""

    def __init__(self, answer: Callable[[bytes], Answer] = lambda body: Taken()) -> None:
        self.answer = answer
        self.taken: list[bytes] = []
        self.asked: list[bytes] = []
        self.threads: list[str] = []
        self.made = self.closed = 0

    def make(self) -> Carrier:
        self.made += 1
        return self

    def send(self, body: bytes, timeout_s: float) -> Answer:
        self.asked.append(body)
        self.threads.append(threading.current_thread().name)
        answer = self.answer(body)
        if isinstance(answer, Taken):
            self.taken.append(body)
        return answer

    def close(self) -> None:
        self.closed += 1


class Way:
    """An `Outgoing` of spans; `count` says what became of them."""

    def __init__(self, folder: Path, carrier: Any, *, spooling: bool = True, **options: Any) -> None:
        self.carrier = carrier
        self.folder = folder
        self.ledger = Ledger()
        self.stderr = io.StringIO()
        settings: dict[str, Any] = {
            "account": self.ledger,
            "spool": Spool(folder, 10**8, self.ledger) if spooling else None,
            "notice": Notice(folder if spooling else None, stream=self.stderr),
            "endpoint": "http://collector.example:4318",
            "limit_bytes": 10**7,
            "patience": HASTY,
        }
        make = carrier.make if isinstance(carrier, Carrier) else carrier
        self.outgoing = Outgoing("traces", "otlp", make, **settings | options)

    def put(self, body: bytes, count: int = 1, error_body: bytes = b"", error_count: int = 0) -> None:
        self.ledger.created("traces", count + error_count)
        self.outgoing.put(body, count, error_body, error_count)

    def counts(self) -> dict[str, int]:
        found = self.ledger.counts("traces")
        named = {"delivered": found.delivered, "spooled": found.spooled, "pending": found.pending, **found.lost}
        return {name: number for name, number in named.items() if number}

    def close(self, timeout_s: float) -> None:
        """Close it, and wait for the attempt that may still be under way, which has a spooled request for itself."""
        turns = self.outgoing._turns
        threads = [turn.thread for turn in (turns.current, *turns.stuck()) if turn.thread is not None]
        self.outgoing.close(timeout_s)
        for thread in threads:
            thread.join(20)

    def spooled(self) -> list[bytes]:
        """Return what lies in the spool, oldest first, and leave it there."""
        found = []
        for request in read_spool(self.folder):
            found.append(request.body)
            request.release()
        return found
