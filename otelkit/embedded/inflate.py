"""Decompression that stops at a limit while it goes on, so that a small bomb can't become a large body."""

from __future__ import annotations

import zlib
from typing import Final, Protocol

_STEP_BYTES: Final = 256 * 1024
_GZIP_WBITS: Final = 31
_ZLIB_WBITS: Final = 15
_RAW_WBITS: Final = -15


class DamagedError(ValueError):
    """The compressed body is not what its encoding says. The message says what is wrong."""


class EndsEarlyError(DamagedError):
    """The compressed body ends before it should."""


class TooLargeError(ValueError):
    """The body is larger than allowed, after decompression."""


class Body(Protocol):
    """Collects the body of a request from its chunks."""

    def feed(self, chunk: bytes) -> int:
        """Take a chunk; return by how many bytes the body grew.

        Raises:
            TooLargeError: The body is above its limit.
            DamagedError: The chunk does not decompress.
        """

    def finish(self) -> bytes:
        """Return the body.

        Raises:
            EndsEarlyError: The compressed stream is not complete.
        """


class PlainBody:
    """A body without compression, of at most ``limit_bytes``."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._out = bytearray()

    def feed(self, chunk: bytes) -> int:
        if len(self._out) + len(chunk) > self._limit_bytes:
            raise TooLargeError
        self._out += chunk
        return len(chunk)

    def finish(self) -> bytes:
        return bytes(self._out)


class InflatedBody:
    """A body compressed with gzip (also of several members) or deflate (with the zlib header or, as some send it, without).

    Args:
        encoding: ``gzip`` or ``deflate``.
        limit_bytes: Most bytes after decompression; one byte more is decompressed to see that there are more.
    """

    def __init__(self, encoding: str, limit_bytes: int) -> None:
        self._encoding = encoding
        self._limit_bytes = limit_bytes
        self._out = bytearray()
        self._head = b""
        self._stream = zlib.decompressobj(_GZIP_WBITS) if encoding == "gzip" else None

    def feed(self, chunk: bytes) -> int:
        before = len(self._out)
        if self._stream is None:
            self._head += chunk
            if len(self._head) < 2:
                return 0
            self._stream = zlib.decompressobj(_ZLIB_WBITS if _has_zlib_header(self._head) else _RAW_WBITS)
            chunk, self._head = self._head, b""
        while chunk:
            chunk = self._next_member(chunk) if self._stream.eof else self._inflate(self._stream, chunk)
        return len(self._out) - before

    def finish(self) -> bytes:
        if self._stream is None or not self._stream.eof:
            raise EndsEarlyError(f"the {self._encoding} stream ends early")
        return bytes(self._out)

    def _inflate(self, stream: zlib._Decompress, chunk: bytes) -> bytes:
        """Decompress the chunk step by step; return what follows the end of the stream."""
        while True:
            step = min(_STEP_BYTES, self._limit_bytes - len(self._out) + 1)
            try:
                out = stream.decompress(chunk, step)
            except zlib.error as error:
                raise DamagedError(f"the {self._encoding} stream is damaged ({error})") from error
            self._out += out
            if len(self._out) > self._limit_bytes:
                raise TooLargeError
            if stream.eof:
                return stream.unused_data
            chunk = stream.unconsumed_tail
            # A full step may leave output behind even when all of the input is read.
            if not chunk and len(out) < step:
                return b""

    def _next_member(self, chunk: bytes) -> bytes:
        if self._encoding != "gzip":
            raise DamagedError("bytes follow the end of the deflate stream")
        # RFC 1952: members follow each other; some writers pad with zeros, which gzip itself ignores.
        chunk = chunk.lstrip(b"\0")
        if chunk:
            self._stream = zlib.decompressobj(_GZIP_WBITS)
        return chunk


def _has_zlib_header(head: bytes) -> bool:
    """Return whether two bytes are a zlib header (RFC 1950): method 8, and a multiple of 31."""
    return head[0] & 0x0F == 8 and (head[0] << 8 | head[1]) % 31 == 0
