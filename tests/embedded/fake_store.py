"""A store that keeps what it is given in memory and can be told to be slow, to fail, or to choke on one batch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from otelkit.embedded.store.writer import Cleaned
from otelkit.errors import StoreError, WireError
from otelkit.model.signals import Signal


@dataclass(frozen=True)
class FakeBatch:
    """A decoded request: its body, which says how it is to be treated."""

    signal: Signal
    body: bytes
    count: int = 1
    rejected: int = 0
    rejected_reason: str = ""


def fake_decode(signal: Signal, body: bytes | memoryview) -> FakeBatch:
    """Decode: ``bad…`` does not, ``some…`` has an invalid part, ``bug…`` is a fault of ours."""
    body = bytes(body)
    if body.startswith(b"bad"):
        raise WireError("no protobuf", offset=3)
    if body.startswith(b"bug"):
        raise ZeroDivisionError("ours")
    if body.startswith(b"some"):
        return FakeBatch(signal, body, 2, 1, "trace id of 3 bytes")
    return FakeBatch(signal, body)


class FakeStore:
    """Records transactions; `gate` holds a write until it is set."""

    def __init__(self) -> None:
        self.transactions: list[list[bytes]] = []
        self.runs: dict[str, dict[str, Any]] = {}
        self.maintained = 0
        self.slices = 0
        self.on_maintain: Callable[[], None] = lambda: None
        self.closed = False
        self.error: StoreError | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.writing = threading.Event()
        self.threads: set[str] = set()
        self.on_write: Callable[[], None] = lambda: None

    @property
    def stored(self) -> list[bytes]:
        """Every body stored, in order."""
        return [body for transaction in self.transactions for body in transaction]

    def write(self, batches: Sequence[FakeBatch]) -> None:
        self.threads.add(threading.current_thread().name)
        self.writing.set()
        assert self.gate.wait(20)
        self.on_write()
        if self.error is not None:
            raise self.error
        if any(batch.body.startswith(b"poison") for batch in batches):
            raise RuntimeError("poison")
        self.transactions.append([batch.body for batch in batches])

    def set_run(self, run_id: str, **facts: Any) -> None:
        self.runs.setdefault(run_id, {}).update({key: value for key, value in facts.items() if value is not None})

    def maintain(self) -> Cleaned:
        self.maintained += 1
        self.on_maintain()
        return Cleaned({}, self.maintained < self.slices)

    def close(self) -> None:
        self.closed = True
