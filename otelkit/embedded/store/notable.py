"""The slowest and the last failing stage call of a run, kept up to date as spans arrive, so that nobody searches for them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from otelkit import names
from otelkit.embedded.wire_primitives import fields
from otelkit.embedded.wire_values import parse_key_value

_LONGEST: Final = 300


@dataclass(frozen=True, slots=True)
class Notable:
    """One stage call."""

    stage: str
    item: str | None
    trace_id: str
    span_id: str
    duration_ns: int
    end_ns: int
    error: str | None = None

    def to_json(self) -> str:
        """Return it as it is stored."""
        return json.dumps(
            [self.stage, self.item, self.trace_id, self.span_id, self.duration_ns, self.end_ns, self.error],
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, text: str | None) -> Notable | None:
        """Return what `to_json` stored, or None."""
        return None if text is None else cls(*json.loads(text))


def error_text(error_type: str | None, rest: bytes) -> str:
    """Return ``error.type: message``, shortened.

    Args:
        error_type: The span's ``error.type``.
        rest: The span's other fields; the message is that of its last exception event, else its status message.
    """
    event_type = message = status_message = None
    for tag, start, stop in fields(rest, 0, len(rest)):
        if tag == 0x5A:
            for event_tag, event_start, event_stop in fields(rest, start, stop):
                if event_tag == 0x1A:
                    key, value = parse_key_value(rest, event_start, event_stop)
                    if key == names.EXCEPTION_MESSAGE:
                        message = str(value)
                    elif key == names.EXCEPTION_TYPE:
                        event_type = str(value)
        elif tag == 0x7A:
            for status_tag, status_start, status_stop in fields(rest, start, stop):
                if status_tag == 0x12:
                    status_message = rest[status_start:status_stop].decode()
    what = error_type or event_type
    said = message if message is not None else status_message
    text = ": ".join(part for part in (what, said) if part) or "error"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
