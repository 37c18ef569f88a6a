"""Telemetry as OTLP bytes, by the encoders of the stock exporters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from opentelemetry.exporter.otlp.proto.common._internal.metrics_encoder import OTLPMetricExporterMixin
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from otelkit.model.signals import Signal

Encode = Callable[[Any], bytes]  # Any: a sequence of spans or of log records, or the SDK's MetricsData
"""Returns an OTLP export request, protobuf; may raise whatever it likes."""


def encode_traces_request(batch: Any) -> bytes:  # Any: see `Encode`
    """Return ended spans as an export request."""
    return bytes(encode_spans(batch).SerializePartialToString())


def encode_metrics_request(batch: Any) -> bytes:  # Any: see `Encode`
    """Return collected metrics as an export request."""
    return bytes(encode_metrics(batch).SerializePartialToString())


def encode_logs_request(batch: Any) -> bytes:  # Any: see `Encode`
    """Return log records as an export request."""
    return bytes(encode_logs(batch).SerializePartialToString())


ENCODERS: Final[Mapping[Signal, Encode]] = {
    "traces": encode_traces_request,
    "metrics": encode_metrics_request,
    "logs": encode_logs_request,
}
"""Signal -> how it is written for the spool."""


class MetricPreferences(OTLPMetricExporterMixin):
    """Gives a metric exporter the temporality and aggregation that ``OTEL_EXPORTER_OTLP_METRICS_*`` prefer."""

    def __init__(self) -> None:
        self._common_configuration()
