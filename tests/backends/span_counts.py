"""A Collector that counts spans for a Prometheus and hands them on to the tests, and what the two say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.backends.collector import Collector, collector
from tests.backends.prometheus import Prometheus
from tests.backends.sampled_calls import Kind, weights
from tests.otlp_server import OtlpServer, otlp_server
from tests.waiting import wait_until


@dataclass(frozen=True, slots=True)
class SpanCounts:
    """Where spans go in, where they come out, and where they are counted."""

    collector: Collector
    behind: OtlpServer
    """Takes the spans that the Collector hands on."""
    prometheus: Prometheus

    def spans(self, service: str) -> list[Any]:
        """Return the service's spans (protobuf) that the Collector has handed on so far."""
        return [span for request in self.requests(service) for scope in request for span in scope.spans]

    def requests(self, service: str) -> list[list[Any]]:
        """Return the service's part of each request that has come out so far: its groups of spans by scope (protobuf)."""
        return [
            list(group.scope_spans)
            for path, request in list(self.behind.requests)
            if path == "/v1/traces"
            for group in request.resource_spans
            if any(
                pair.key == "service.name" and pair.value.string_value == service for pair in group.resource.attributes
            )
        ]

    def of(self, service: str) -> dict[Kind, float]:
        """Return what Prometheus says of the service's calls, by name and status."""
        calls = f'traces_span_metrics_calls_total{{service_name="{service}"}}'
        return {
            (name, status): count
            for (name, status), count in self.prometheus.query(f"sum by (span_name, status_code) ({calls})").items()
        }

    def settle(self, service: str) -> dict[Kind, float]:
        """Return what Prometheus says when it has counted each span behind the Collector with its weight, no more and no less.

        A count is the sum of its spans' 1/p, where that is whole. Fails if it does not come to that within a minute, or if the
        Collector has lost a span on its way out.
        """

        def counted() -> bool:
            sums = {kind: float(round(sum(found))) for kind, found in weights(self.spans(service)).items()}
            return self.of(service) == sums

        wait_until(self.handed_on, 60.0)
        wait_until(counted, 60.0)
        assert self.collector.own("otelcol_exporter_enqueue_failed_spans") == 0
        return self.of(service)

    def handed_on(self) -> bool:
        """Say whether everything that the Collector has for the next one is there."""
        own = self.collector.own
        waiting = own("otelcol_exporter_queue_size", data_type="traces") + own(
            "otelcol_exporter_in_flight_requests", data_type="traces"
        )
        out = sum(
            len(scope.spans)
            for path, request in list(self.behind.requests)
            if path == "/v1/traces"
            for group in request.resource_spans
            for scope in group.scope_spans
        )
        return waiting == 0 and own("otelcol_exporter_sent_spans") == out

    def all_calls(self, service: str) -> dict[str, int]:
        """Return the calls of each stage as otelkit's own metrics have them in Prometheus, sampled or not."""
        calls = f'pipeline_stage_duration_seconds_count{{job="{service}"}}'
        series = self.prometheus.query(f"sum by (pipeline_stage_name) ({calls})")
        return {name: int(count) for (name,), count in series.items()}


@contextmanager
def span_counts(
    folder: Path, config: str, prometheus: Prometheus, gates: Sequence[str] = (), **env: str
) -> Iterator[SpanCounts]:
    """Run a Collector with one of the configurations of the how-to page."""
    with otlp_server() as behind:
        places = {"PROMETHEUS": prometheus.url, "TRACES": behind.url, "FLUSH_INTERVAL": "200ms"} | env
        with collector(folder, config, gates, **places) as running:
            yield SpanCounts(running, behind, prometheus)
