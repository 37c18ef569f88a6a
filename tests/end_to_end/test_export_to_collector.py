"""What `otelkit export` writes is read by the real Collector."""

from __future__ import annotations

import http.client
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.backends.collector import collector
from tests.cli.stored import write_run
from tests.distributions import otelkit
from tests.otlp_server import otlp_server
from tests.waiting import wait_until

pytestmark = pytest.mark.backends

CONFIG = """
extensions:
  health_check:
    endpoint: ${env:HEALTH}
receivers:
  otlp:
    protocols:
      http:
        endpoint: ${env:OTLP_HTTP}
exporters:
  otlp_http:
    endpoint: ${env:TO}
service:
  extensions: [health_check]
  telemetry:
    metrics:
      readers:
        - pull:
            exporter:
              prometheus:
                host: 127.0.0.1
                port: ${env:TELEMETRY_PORT}
  pipelines:
    traces: {receivers: [otlp], exporters: [otlp_http]}
    logs: {receivers: [otlp], exporters: [otlp_http]}
    metrics: {receivers: [otlp], exporters: [otlp_http]}
"""
PATHS = {"resourceSpans": "/v1/traces", "resourceLogs": "/v1/logs", "resourceMetrics": "/v1/metrics"}


def post(url: str, path: str, line: str) -> int:
    """Send a line as it is; return the status."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    try:
        connection.request("POST", path, line.encode(), {"Content-Type": "application/json"})
        return connection.getresponse().status
    finally:
        connection.close()


def test_every_line_is_a_request_that_the_collector_takes_whole(tmp_path: Path) -> None:
    """Spans with their ids, parents and errors, log records and points: what comes out of it again is what was stored."""
    write_run(tmp_path, "a" * 16)
    lines = otelkit("export", cwd=tmp_path).stdout.splitlines()

    with otlp_server() as server, collector(tmp_path / "collector", CONFIG, TO=server.url) as it:
        statuses = {
            post(it.url, path, line) for line in lines for key, path in PATHS.items() if f'"{key}"' in line[:20]
        }
        wait_until(lambda: (len(server.spans), len(server.logs), len(server.points)) == (156, 40, 4))

    names = {span.span_id + span.trace_id: span.name for span in server.spans}
    below = Counter((span.name, names.get(span.parent_id + span.trace_id)) for span in server.spans)
    assert statuses == {200}
    assert below == {
        ("analyse", None): 40,
        ("read", "analyse"): 40,
        ("parse", "analyse"): 40,
        ("extract", "analyse"): 36,
    }
    assert Counter(span.status for span in server.spans)[2] == 8
    assert {span.resource["service.name"] for span in server.spans} == {"syntax-pipeline"}
