"""Numbers as people read them: durations with their unit, counts, rates and shares, in few and steady characters."""

from __future__ import annotations

from typing import Final

UNKNOWN: Final = "–"
"""Stands where a number is not known; a zero is a zero."""

_SMALL_UNITS: Final = ((1e-6, "µs", 1000.0), (1e-3, "ms", 1000.0), (1.0, "s", 100.0))
_LARGE: Final = ((1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T"))


def duration(seconds: float | None, *, digits: int = 2) -> str:
    """Return a duration with its unit: ``210 µs``, ``4.1 ms``, ``12 s``, ``2m03s``, ``1h05m``.

    Args:
        seconds: None gives a dash.
        digits: Significant digits below a hundred seconds, 2 or 3. Two say as much as a histogram knows.
    """
    if seconds is None:
        return UNKNOWN
    if seconds <= 0:
        return "0 s"
    for scale, unit, limit in _SMALL_UNITS:
        text = _significant(seconds / scale, digits)
        # After rounding: 999.7 µs is 1.0 ms, never 1000 µs.
        if float(text) < limit:
            return f"{text} {unit}"
    return _long(seconds)


def aligned_duration(seconds: float | None, *, digits: int = 2) -> str:
    """Return `duration` with its unit two cells wide, so that right-aligned digits stand below each other."""
    text = duration(seconds, digits=digits)
    return text + " " if text.endswith(" s") else text


def clock(seconds: float) -> str:
    """Return elapsed or remaining time as ``0:05``, ``12:34``, ``1:02:03`` or ``2d 03:04:05``."""
    whole = max(0, int(seconds))
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days}d {hour:02}:{minute:02}:{second:02}"
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def exact(number: int) -> str:
    """Return a count in full: ``1,234,567``."""
    return f"{number:,}"


def count(number: int) -> str:
    """Return a count in at most seven characters: ``999,999``, then ``1.23M``."""
    return exact(number) if number < 1_000_000 else _large(number)


def rate(per_second: float | None) -> str:
    """Return a rate in at most six characters: ``0.3``, ``241``, ``12,304``, ``123k``."""
    if per_second is None:
        return UNKNOWN
    if per_second <= 0:
        return "0"
    if per_second < 0.05:
        return "<0.1"
    if per_second < 9.95:
        return f"{per_second:.1f}"
    return f"{per_second:,.0f}" if per_second < 99_999.5 else _large(per_second)


def share(part: float) -> str:
    """Return a share as a percentage; above 1.0 it goes on, as processor load does in ``top``: ``390%``."""
    percent = part * 100
    if 0 < percent < 0.5:
        return "<1%"
    return f"{percent:.0f}%"


def plural(number: int, one: str, many: str | None = None) -> str:
    """Return ``1 span`` or ``1,204 spans``."""
    return f"{exact(number)} {one if number == 1 else many or one + 's'}"


def data_size(size_bytes: int) -> str:
    """Return a number of bytes as ``812 B``, ``12 kB`` or ``3.4 MB`` (powers of 1000, as file managers count)."""
    for scale, prefix in reversed(_LARGE):
        if size_bytes >= scale * 0.9995:
            return f"{_significant(size_bytes / scale, 2)} {prefix}B"
    return f"{size_bytes} B"


def _significant(value: float, digits: int) -> str:
    decimals = digits - 1
    while decimals > 0 and round(value, decimals) >= 10 ** (digits - decimals):
        decimals -= 1
    return f"{value:.{decimals}f}"


def _large(number: float) -> str:
    for scale, letter in _LARGE:
        text = _significant(number / scale, 3)
        if float(text) < 1000:
            return text + letter
    return f"{number:.0e}"


def _long(seconds: float) -> str:
    whole = round(seconds)
    minutes, second = divmod(whole, 60)
    if minutes < 100:
        return f"{minutes}m{second:02}s"
    hours, minute = divmod(minutes, 60)
    if hours < 100:
        return f"{hours}h{minute:02}m"
    days, hour = divmod(hours, 24)
    return f"{days}d{hour:02}h" if days < 100 else f"{days}d"
