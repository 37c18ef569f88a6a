"""The exporter name ``jaeger``, for programs that still ask for it: it builds OTLP, which Jaeger takes since 1.35."""

from __future__ import annotations

import logging
import os
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

from otelkit._assembly.exporters import otlp_endpoint

_log = logging.getLogger("otelkit.bootstrap")


class JaegerSpanExporter(OTLPSpanExporter):
    """Sends OTLP over HTTP to Jaeger.

    The endpoint is, in this order: ``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT``, ``OTEL_EXPORTER_OTLP_ENDPOINT``, port 4318 of the
    host in ``OTEL_EXPORTER_JAEGER_ENDPOINT`` or ``OTEL_EXPORTER_JAEGER_AGENT_HOST``, ``http://localhost:4318``.
    """

    def __init__(self) -> None:
        endpoint = _endpoint(os.environ) or otlp_endpoint("traces", os.environ)
        super().__init__(endpoint=endpoint)
        _log.warning(
            "the exporter 'jaeger' sends OTLP to %s: Jaeger's own protocols have left OpenTelemetry. "
            "Set OTEL_TRACES_EXPORTER=otlp to say so yourself.",
            endpoint,
        )


def _endpoint(env: os._Environ[str]) -> str | None:
    if env.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or env.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return None
    host = urlsplit(env.get("OTEL_EXPORTER_JAEGER_ENDPOINT", "")).hostname or env.get("OTEL_EXPORTER_JAEGER_AGENT_HOST")
    return f"http://{host}:4318/v1/traces" if host else None
