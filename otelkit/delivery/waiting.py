"""What waits to be sent, in bounded memory: when it gets too much, the newest goes, and errors go last."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import Final

OVERHEAD_BYTES: Final = 256
"""What a chunk takes besides its body, about."""


class Chunk:
    """One export request as it was put; requests merge by being joined."""

    __slots__ = ("alone", "body", "count", "is_error", "number")

    def __init__(self, number: int, body: bytes, count: int, is_error: bool) -> None:
        self.number = number
        """In the order in which they were put, from 1."""
        self.body = body
        self.count = count
        """Spans, points or records in it."""
        self.is_error = is_error
        self.alone = False
        """Whether it is not to be merged with others, because the receiver refused the whole."""

    @property
    def size(self) -> int:
        """Bytes of memory that it takes, about."""
        return len(self.body) + OVERHEAD_BYTES


class Parcel:
    """Chunks that go out as one request."""

    __slots__ = ("chunks", "claimed")

    def __init__(self, chunks: list[Chunk]) -> None:
        self.chunks = chunks
        self.claimed = False
        """Whether somebody has it for good."""

    @property
    def body(self) -> bytes:
        """Return the request."""
        return self.chunks[0].body if len(self.chunks) == 1 else b"".join([chunk.body for chunk in self.chunks])

    @property
    def count(self) -> int:
        """Return the number of items in it."""
        return sum(chunk.count for chunk in self.chunks)


class Waiting:
    """Chunks that wait and parcels that are out, in at most so many bytes. Thread-safe; never waits for anything slow.

    A parcel that was taken is out until it is claimed and forgotten, or put back. Only one can claim it, so that what one
    thread is sending can be spooled by another one that has no more time, and each item is counted once.
    May be called from a signal handler that interrupted any of these methods in the same thread.

    Args:
        limit_bytes: Most bytes held, > 0. A chunk that is larger by itself is taken when nothing else is there.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._lock = threading.RLock()
        self._normal: deque[Chunk] = deque()
        self._errors: deque[Chunk] = deque()
        self._out: dict[int, Parcel] = {}
        self._newest = 0
        self._unsealed: dict[int, Chunk] = {}
        self._gone: list[int] = []
        self.seals = False
        """Whether it is noted which chunks are new and which are gone."""
        self.bytes = 0
        """What is held now, with what is out."""
        self.items = 0
        """Spans, points or records held now, with what is out."""

    def put(self, body: bytes, count: int, *, is_error: bool = False) -> int:
        """Take one request; return how many items were dropped for want of room, these or others.

        For errors the newest of the others make room; errors are dropped only when there is nothing else.
        """
        dropped = 0
        with self._lock:
            self._newest += 1
            chunk = Chunk(self._newest, body, count, is_error)
            while self.bytes and self.bytes + chunk.size > self._limit_bytes:
                if not is_error or not self._normal:
                    return dropped + count
                newest = self._normal.pop()
                self._forget(newest)
                dropped += newest.count
            (self._errors if is_error else self._normal).append(chunk)
            self.bytes += chunk.size
            self.items += count
            if self.seals:
                self._unsealed[chunk.number] = chunk
        return dropped

    def begin_to_seal(self) -> None:
        """Note from now on which chunks are `unsealed`, as all are that are here, and which are `gone`."""
        with self._lock:
            if not self.seals:
                self.seals = True
                out = [chunk for parcel in self._out.values() for chunk in parcel.chunks]
                here = sorted((*out, *self._normal, *self._errors), key=lambda chunk: chunk.number)
                self._unsealed = {chunk.number: chunk for chunk in here}

    def unsealed(self) -> list[Chunk]:
        """Return the chunks that are still here and were not returned before, oldest first."""
        with self._lock:
            chunks = list(self._unsealed.values())
            self._unsealed.clear()
        return chunks

    def gone(self) -> list[int]:
        """Return the numbers of the chunks that were `unsealed` once and are forgotten now, each once."""
        with self._lock:
            numbers, self._gone = self._gone, []
        return numbers

    def take(self, most_bytes: int) -> Parcel | None:
        """Return the oldest chunks, joined up to ``most_bytes`` but at least one; None if nothing waits."""
        with self._lock:
            chunks: list[Chunk] = []
            size = 0
            while (line := self._oldest_line()) is not None:
                chunk = line[0]
                size += len(chunk.body)
                if chunks and (size > most_bytes or chunk.alone):
                    break
                chunks.append(line.popleft())
                if chunk.alone:
                    break
            if not chunks:
                return None
            parcel = Parcel(chunks)
            self._out[id(parcel)] = parcel
            return parcel

    def claim(self, parcel: Parcel) -> bool:
        """Have a parcel that was taken for oneself; False if somebody else has it. It stays here until it is forgotten."""
        with self._lock:
            if self._out.get(id(parcel)) is not parcel or parcel.claimed:
                return False
            parcel.claimed = True
            return True

    def forget(self, parcel: Parcel) -> None:
        """Drop a parcel that was claimed: what is in it has been counted."""
        with self._lock:
            del self._out[id(parcel)]
            for chunk in parcel.chunks:
                self._forget(chunk)

    def put_back(self, parcel: Parcel, *, alone: bool = False) -> bool:
        """Put a parcel that was taken where it was; False if somebody else has claimed it.

        Args:
            alone: Its chunks are to go out one by one.
        """
        with self._lock:
            if self._out.get(id(parcel)) is not parcel or parcel.claimed:
                return False
            del self._out[id(parcel)]
            for chunk in reversed(parcel.chunks):
                chunk.alone = chunk.alone or alone
                (self._errors if chunk.is_error else self._normal).appendleft(chunk)
            return True

    def recall(self) -> None:
        """Put back everything that is out and not claimed: whoever has it can't claim it any more."""
        with self._lock:
            for parcel in sorted(self._out.values(), key=lambda parcel: parcel.chunks[0].number, reverse=True):
                self.put_back(parcel)

    def claim_all(self, most_bytes: int) -> Iterator[Parcel]:
        """Yield all that waits in order, claimed, joined up to ``most_bytes``; each is forgotten before the next."""
        while (parcel := self.take(most_bytes)) is not None:
            if self.claim(parcel):
                yield parcel
                self.forget(parcel)

    def take_all(self) -> Iterator[Parcel]:
        """Yield all that waits in order, claimed, to be forgotten later."""
        while (parcel := self.take(self._limit_bytes)) is not None:
            if self.claim(parcel):
                yield parcel

    @property
    def newest(self) -> int:
        """Return the number of the newest chunk so far; 0 before the first."""
        return self._newest

    def has_until(self, number: int) -> bool:
        """Whether any chunk up to ``number`` is still here or out."""
        with self._lock:
            heads = [line[0].number for line in (self._normal, self._errors) if line]
            heads += [parcel.chunks[0].number for parcel in self._out.values()]
            return any(head <= number for head in heads)

    def _oldest_line(self) -> deque[Chunk] | None:
        lines = [line for line in (self._normal, self._errors) if line]
        return min(lines, key=lambda line: line[0].number) if lines else None

    def _forget(self, chunk: Chunk) -> None:
        self.bytes -= chunk.size
        self.items -= chunk.count
        if self.seals and self._unsealed.pop(chunk.number, None) is None:
            self._gone.append(chunk.number)
