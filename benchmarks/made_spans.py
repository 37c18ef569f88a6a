"""Requests of stage spans, put together from bytes: fast enough not to matter beside what receives them."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

STAGES = ("discover", "read", "parse", "extract", "embed", "check", "store", "report")
RUN_ID = "0123456789abcdef0123456789abcdef"
SPANS_A_REQUEST = 2_000
"""About what otelkit's exporter puts into one."""

_SPANS_A_TRACE = 5
_START_NS = 1_700_000_000_000_000_000


def requests(spans: int, unique: int, *, lasts_s: float = 60.0, seed: int = 1) -> Iterator[bytes]:
    """Yield requests of ``spans`` spans in all, in traces of five, spread evenly over ``lasts_s`` seconds.

    Each span has seven attributes that repeat, as otelkit's stage spans have.

    Args:
        spans: Rounded down to whole requests of `SPANS_A_REQUEST`.
        unique: Attributes of each span besides whose values occur once: 0 to 3 (a path, a number, a measure).
        lasts_s: What the start times span.
        seed: Of ids, durations and unique values.
    """
    local = random.Random(seed)
    resource = _field(
        0x0A,
        _field(0x0A, _text("service.name", "bench"))
        + _field(0x0A, _text("service.instance.id", "f" * 32))
        + _field(0x0A, _text("pipeline.run.id", RUN_ID)),
    )
    scope = _field(0x0A, _field(0x0A, b"otelkit") + _field(0x12, b"1"))
    heads = [_field(0x2A, stage.encode()) + b"\x30\x01" for stage in STAGES]
    tails = [_attributes(stage) for stage in STAGES]
    step_ns = int(lasts_s * 1e9 / spans)
    number = 0
    for _ in range(spans // SPANS_A_REQUEST):
        body = []
        for _ in range(SPANS_A_REQUEST):
            if number % _SPANS_A_TRACE == 0:
                trace = b"\x0a\x10" + local.randbytes(16)
                parent = b""
            span_id = local.randbytes(8)
            stage = number % len(STAGES)
            start = _START_NS + number * step_ns
            duration = int(local.lognormvariate(15, 1))
            span = (
                trace
                + b"\x12\x08"
                + span_id
                + parent
                + heads[stage]
                + struct.pack("<BQBQ", 0x39, start, 0x41, start + duration)
                + tails[stage]
                + _unique(local, number, unique)
                + b"\x85\x01\x01\x01\x00\x00"
            )
            if not parent:
                parent = b"\x22\x08" + span_id
            body.append(_field(0x12, span))
            number += 1
        yield _field(0x0A, resource + _field(0x12, scope + b"".join(body)))


def _attributes(stage: str) -> bytes:
    texts = {
        "pipeline.name": "syntax",
        "pipeline.run.id": RUN_ID,
        "pipeline.stage.name": stage,
        "pipeline.stage.kind": "function",
        "code.function.name": f"syntax_pipeline.steps.{stage}",
        "pipeline.argument.path": "PosixPath",
        "thread.name": "MainThread",
    }
    return b"".join(_field(0x4A, _text(key, value)) for key, value in texts.items())


def _unique(local: random.Random, number: int, count: int) -> bytes:
    out = b""
    if count > 0:
        out += _field(0x4A, _text("pipeline.item.id", f"lib/package/module_{number}.py"))
    if count > 1:
        out += _field(0x4A, _field(0x0A, b"syntax.bytes") + _field(0x12, b"\x18" + _varint(1_000_000 + number)))
    if count > 2:
        value = _field(0x12, b"\x21" + struct.pack("<d", local.random()))
        out += _field(0x4A, _field(0x0A, b"syntax.seconds_per_kb") + value)
    return out


def _text(key: str, value: str) -> bytes:
    return _field(0x0A, key.encode()) + _field(0x12, _field(0x0A, value.encode()))


def _field(tag: int, content: bytes) -> bytes:
    return bytes((tag,)) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
