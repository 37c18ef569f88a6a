"""OTLP requests in protobuf, decoded into rows for the store.

Written by hand: it parses only what the store needs taken apart, remembers attributes by their bytes, and hands all other
fields on as they came. It accepts nothing that protobuf's own parser refuses (see ``tests/embedded/test_wire_fuzz.py``).
"""

from __future__ import annotations

import hashlib
import struct
from typing import Final

from otelkit.embedded.wire_envelope import Batch, Group, Parser, Resource, Scope
from otelkit.embedded.wire_logs import LogParser, LogRow
from otelkit.embedded.wire_metrics import Metric, MetricParser, PointRow
from otelkit.embedded.wire_primitives import malformed
from otelkit.embedded.wire_spans import SpanParser, SpanRow
from otelkit.model.signals import Signal

__all__ = ["Batch", "Decoder", "Group", "LogRow", "Metric", "PointRow", "Resource", "Scope", "SpanRow", "decode"]


class Decoder:
    """Decodes requests of all signals and remembers what repeats between them."""

    def __init__(self) -> None:
        self._parsers: Final[dict[Signal, Parser]] = {
            "traces": SpanParser(),
            "metrics": MetricParser(),
            "logs": LogParser(),
        }

    def decode(self, signal: Signal, body: bytes | memoryview) -> Batch:
        """Return the spans, points or records in ``body``, an ``Export…ServiceRequest`` in protobuf.

        A malformed request is refused whole; an item that is well-formed but invalid (a span without ids, a time that no
        clock shows) is left out and counted in the batch's ``rejected``.

        Raises:
            WireError: It is malformed, or holds more than 100 messages within each other.
        """
        buf = bytes(body)
        try:
            batch = self._parsers[signal].decode(buf)
        except (IndexError, struct.error) as error:
            raise malformed("it ends within a field", len(buf)) from error
        except UnicodeDecodeError as error:
            raise malformed(f"text that is not UTF-8 ({error.reason})", 0) from error
        if batch.count and not batch.timeless:
            digest = hashlib.blake2b(buf, digest_size=16, person=signal.encode())
            batch.digest = digest.digest()
        return batch


_decoder: Final = Decoder()


def decode(signal: Signal, body: bytes | memoryview) -> Batch:
    """Return the spans, points or records in ``body``; see `Decoder.decode`. Memory for what repeats is the process's."""
    return _decoder.decode(signal, body)
