"""How the body of an HTTP request is compressed."""

from __future__ import annotations

import zlib
from typing import Final

from otelkit.delivery.otlp_settings import Compression

# The fastest level: telemetry repeats itself so much that the slowest saves little, and costs the program's own time.
_LEVEL: Final = 1
_GZIP: Final = 31
"""Tells zlib to write the header and the checksum of gzip."""


def compressed(body: bytes, compression: Compression) -> bytes:
    """Return ``body`` as ``Content-Encoding: compression`` has it."""
    if compression == "none":
        return body
    packer = zlib.compressobj(_LEVEL, wbits=_GZIP if compression == "gzip" else zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()
