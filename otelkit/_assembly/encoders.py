"""What writes each signal as OTLP."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from otelkit._otlp.encoded import Encode
from otelkit.logs.otlp import LogEncoder
from otelkit.metrics.otlp import MetricEncoder
from otelkit.model.signals import Signal
from otelkit.spans.otlp import SpanEncoder

_log = logging.getLogger("otelkit.delivery")

_MOST_CAUSES: Final = 20


def encoder(signal: Signal) -> Encode:
    """Return what writes spans of the SDK, log records or collected metrics."""
    if signal == "traces":
        return span_encoder({})
    if signal == "metrics":
        return MetricEncoder(on_failed=say_once("metric points")).requests
    return LogEncoder(on_failed=say_once("log records")).requests


def span_encoder(
    resource_attributes: Mapping[str, Any],  # Any: whatever the SDK allows as an attribute's value
    schema_url: str = "",
) -> Encode:
    """Return what writes stage spans, which have this resource, and spans of the SDK."""
    return SpanEncoder(resource_attributes, schema_url, on_failed=say_once("spans")).requests


def say_once(what: str) -> Callable[[Exception], None]:
    """Return what logs why items could not be written: once for each type of error, and the first `_MOST_CAUSES` of them.

    How many there were, the ledger says.
    """
    causes: set[type[Exception]] = set()

    def say(error: Exception) -> None:
        if type(error) not in causes and len(causes) < _MOST_CAUSES:
            causes.add(type(error))
            _log.error("%s that can't be written are lost: %s: %s", what, type(error).__name__, _text_of(error))

    return say


def _text_of(error: Exception) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a stranger's exception may fail even at saying what it is
        return "(it can't be printed)"
