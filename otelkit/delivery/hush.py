"""Keeps the stock exporters' own complaints away from the user's terminal while we deal with the failure."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_TALKATIVE: Final = (
    "opentelemetry.exporter.otlp.common.http",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
    "opentelemetry.exporter.otlp.proto.http._log_exporter",
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
    "opentelemetry.exporter.otlp.proto.grpc.trace_exporter",
    "opentelemetry.exporter.otlp.proto.grpc.metric_exporter",
    "opentelemetry.exporter.otlp.proto.grpc._log_exporter",
    "urllib3.connectionpool",
    "urllib3.util.retry",
)


# How the stock exporters (SDK 1.44 and 1.45) say why; anything else is taken as it is.
_REASONS: Final = (
    re.compile(r"Transient error (?P<why>.+) encountered while exporting", re.DOTALL),
    re.compile(r"Failed to export \w+ batch code: (?P<code>[^,]+), reason: (?P<why>.+)", re.DOTALL),
)


class _Listening(threading.local):
    """Who listens in this thread; None: nobody, and records pass."""

    complaints: list[str] | None = None


_listening = _Listening()


class _Hush(logging.Filter):
    """Swallows what is logged by a thread that is exporting for us; other threads' records pass."""

    def filter(self, record: logging.LogRecord) -> bool:
        complaints = _listening.complaints
        if complaints is None:
            return True
        if record.levelno >= logging.WARNING and record.name.startswith("opentelemetry."):
            try:
                complaints.append(record.getMessage())
            except Exception:  # noqa: BLE001 - arguments that do not fit the text: not ours to report
                complaints.append(str(record.msg))
        return False


_hush = _Hush()


@contextmanager
def hushed(complaints: list[str]) -> Iterator[None]:
    """Swallow what the stock exporters log in this thread; their warnings and errors are added to ``complaints``."""
    for name in _TALKATIVE:
        # Adding one filter again does nothing; a program that reconfigures logging may have removed it.
        logging.getLogger(name).addFilter(_hush)
    _listening.complaints = complaints
    try:
        yield
    finally:
        _listening.complaints = None


def in_short(complaints: list[str]) -> str | None:
    """Return the last reason that was given, in few words; None if nothing was said."""
    for complaint in reversed(complaints):
        for pattern in _REASONS:
            found = pattern.search(complaint)
            if found:
                code = found.groupdict().get("code")
                return found["why"] if code in (None, "None") else f"{code} {found['why']}"
    return complaints[-1] if complaints else None
