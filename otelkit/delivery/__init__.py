"""How telemetry leaves the process: exporters that account for every item, and the spool on disk."""

from otelkit.delivery.encoding import ENCODERS
from otelkit.delivery.exporters import DeliveredLogExporter, DeliveredMetricExporter, DeliveredSpanExporter
from otelkit.delivery.notice import Notice
from otelkit.delivery.spool import Spool, SpooledRequest, SpoolState, read_spool, spool_state

__all__ = [
    "ENCODERS",
    "DeliveredLogExporter",
    "DeliveredMetricExporter",
    "DeliveredSpanExporter",
    "Notice",
    "Spool",
    "SpoolState",
    "SpooledRequest",
    "read_spool",
    "spool_state",
]
