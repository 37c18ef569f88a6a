"""Logs: ids on every record, export over OpenTelemetry, and one JSON schema on demand."""

from otelkit.logs.correlation import add_ids
from otelkit.logs.handler import OtelkitHandler
from otelkit.logs.identity import Identity, identify
from otelkit.logs.structlog_events import StructlogEvents
from otelkit.logs.structured import JsonFormatter

__all__ = ["Identity", "JsonFormatter", "OtelkitHandler", "StructlogEvents", "add_ids", "identify"]
