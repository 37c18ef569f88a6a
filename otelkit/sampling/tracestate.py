"""The sampling probability that travels in ``tracestate``: ``ot=th:…;rv:…``.

Source: OpenTelemetry specification, "TraceState: Probability Sampling".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from opentelemetry.trace import TraceState

VENDOR: Final = "ot"
SCALE: Final = 1 << 56
"""Randomness and thresholds are 56-bit numbers: 0 keeps everything, ``SCALE`` nothing."""

_MOST_ENTRIES: Final = 32
_MOST_CHARACTERS: Final = 256
"""Of a ``tracestate``, and of one entry's value; W3C Trace Context."""
_TH: Final = re.compile(r"[0-9a-f]{1,14}")
_RV: Final = re.compile(r"[0-9a-f]{14}")


def threshold_for(probability: float) -> int:
    """Return T = (1 - p)·2⁵⁶, a whole number from 0 to ``SCALE``.

    A probability above 0 is never rounded to "nothing": it keeps at least one value in 2⁵⁶.
    """
    kept = round(probability * SCALE)
    return SCALE - (max(kept, 1) if probability > 0 else 0)


def threshold_text(threshold: int) -> str:
    """Return a threshold below ``SCALE`` as it is written after ``th:``: 14 hex digits without trailing zeros, or ``0``."""
    return f"{threshold:014x}".rstrip("0") or "0"


def randomness(trace_id: int, state: TraceState | None) -> int:
    """Return R, from 0 to 2⁵⁶-1: ``rv`` where it is well formed, else the low 56 bits of the trace id."""
    values = _values("rv", state)
    if len(values) == 1 and _RV.fullmatch(values[0]):
        return int(values[0], 16)
    return trace_id & (SCALE - 1)


def threshold_of(state: TraceState | None) -> int | None:
    """Return T as ``th`` says it; None if there is none, more than one, or it is malformed."""
    values = _values("th", state)
    if len(values) != 1 or not _TH.fullmatch(values[0]):
        return None
    return int(values[0].ljust(14, "0"), 16)


def has_threshold(state: TraceState | None) -> bool:
    """Say whether there is a ``th``, well formed or not."""
    return bool(_values("th", state))


def without_threshold(state: TraceState) -> TraceState:
    """Return the state without ``th``; what else is in it, other vendors' entries included, stays as it is and where it is."""
    entries: list[tuple[str, str]] = []
    for vendor, value in state.items():
        if vendor == VENDOR:
            value = _joined(member for member in value.split(";") if not member.startswith("th:"))
        if value or vendor != VENDOR:
            entries.append((vendor, value))
    return TraceState(entries)


def with_threshold(state: TraceState | None, threshold: int) -> TraceState:
    """Return the state with this ``th``, below ``SCALE``, instead of any other; what else is in it stays.

    ``ot`` comes first, as W3C Trace Context asks of an entry that is changed; of 32 others the last makes way for it.
    """
    others = [(vendor, value) for vendor, value in state.items() if vendor != VENDOR] if state else []
    members = [member for member in (state.get(VENDOR, "") if state else "").split(";") if member]
    kept = [member for member in members if not member.startswith("th:")]
    value = _joined((f"th:{threshold_text(threshold)}", *kept))
    if len(value) > _MOST_CHARACTERS:
        # What else is in `ot` leaves no room; without `rv` the threshold would mean something else.
        kept = [f"rv:{rv}" for rv in _values("rv", state)[:1]]
        value = _joined((f"th:{threshold_text(threshold)}", *kept))[:_MOST_CHARACTERS]
    return TraceState([(VENDOR, value), *others[: _MOST_ENTRIES - 1]])


def _joined(members: Iterable[str]) -> str:
    # A value may hold blanks, but not end in one: the API would throw the whole entry away.
    return ";".join(members).rstrip(" ")


def _values(key: str, state: TraceState | None) -> list[str]:
    text = state.get(VENDOR, "") if state else ""
    prefix = f"{key}:"
    return [member[len(prefix) :] for member in text.split(";") if member.startswith(prefix)] if text else []
