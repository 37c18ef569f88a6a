"""Python's log levels on OpenTelemetry's scale."""

from __future__ import annotations

import logging
from typing import Final

from opentelemetry._logs import SeverityNumber

_TEXTS: Final = {"WARNING": "WARN", "CRITICAL": "FATAL"}


def severity_number(level: int) -> SeverityNumber:
    """Return the severity for a level: 10 levels of Python are 4 of OpenTelemetry; below DEBUG it is TRACE."""
    if level <= logging.NOTSET:
        return SeverityNumber.UNSPECIFIED
    step, rest = divmod(min(level, 59), 10)
    return SeverityNumber(1 + 4 * min(step, 5) + min(rest, 3))


def severity_text(level_name: str) -> str:
    """Return the level's name as OpenTelemetry writes it: ``WARN``, not ``WARNING``; ``FATAL``, not ``CRITICAL``."""
    return _TEXTS.get(level_name, level_name)
