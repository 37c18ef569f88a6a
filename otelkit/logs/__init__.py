"""Logs: ids on every record, export over OpenTelemetry, and one JSON schema on demand."""

from otelkit.logs.correlation import add_ids
from otelkit.logs.handler import OtelkitHandler

__all__ = ["OtelkitHandler", "add_ids"]
