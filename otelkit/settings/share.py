"""Shares as people write them: ``0.05`` or ``1/20``."""

from __future__ import annotations

import re
from typing import Final

_FRACTION: Final = re.compile(r"(\d+)\s*/\s*(\d+)")


def parse_share(text: str) -> float:
    """Return the number that ``text`` says: a number, or a fraction of whole ones. The caller knows the range.

    Raises:
        ValueError: It says neither.
        OverflowError: It says a fraction of numbers that are too big.
    """
    fraction = _FRACTION.fullmatch(text.strip())
    if fraction is None:
        return float(text)
    if int(fraction[2]) == 0:
        raise ValueError
    return int(fraction[1]) / int(fraction[2])
