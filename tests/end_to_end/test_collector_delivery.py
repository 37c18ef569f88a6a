"""What otelkit sends, the real Collector takes, in every way that the two have in common."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.configurations import from_page
from tests.backends.prometheus import Prometheus
from tests.backends.sampled_calls import make
from tests.backends.span_counts import SpanCounts, span_counts
from tests.waiting import wait_until

pytestmark = pytest.mark.backends

TRACES = 5_000


@pytest.fixture(scope="module")
def counts(prometheus: Prometheus, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpanCounts]:
    with span_counts(tmp_path_factory.mktemp("collector"), from_page("One Collector"), prometheus) as it:
        yield it


@pytest.mark.parametrize("compression", ["gzip", "none"])
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_every_span_passes_the_collector_once(
    counts: SpanCounts, tmp_path: Path, protocol: str, compression: str
) -> None:
    """None is refused, none comes twice, and each is counted."""
    service = f"{protocol}-{compression}"
    collector = counts.collector
    transport = protocol.removesuffix("/protobuf")
    before = collector.own("otelcol_receiver_accepted_spans", transport=transport)
    made = make(
        tmp_path, collector.grpc if protocol == "grpc" else collector.url, service, TRACES,
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol, OTEL_EXPORTER_OTLP_COMPRESSION=compression,
    )  # fmt: skip
    wait_until(lambda: len(counts.spans(service)) >= made.delivered)
    spans = counts.spans(service)
    wait_until(lambda: counts.of(service) == made.calls)

    assert made.delivered == len(spans) == len({span.span_id for span in spans}) == sum(made.calls.values())
    assert collector.own("otelcol_receiver_accepted_spans", transport=transport) - before == made.delivered
    assert collector.own("otelcol_receiver_refused_spans") == 0
    assert collector.own("otelcol_receiver_failed_spans") == 0


def test_parents_are_whole_behind_the_collector(counts: SpanCounts, tmp_path: Path) -> None:
    """Each span is a root or has its parent in the same trace, spans of the stock SDK among those of stages included."""
    made = make(tmp_path, counts.collector.url, "whole", TRACES)
    wait_until(lambda: len(counts.spans("whole")) >= made.delivered)
    spans = counts.spans("whole")
    ids = {(span.trace_id, span.span_id) for span in spans}

    assert len({span.trace_id for span in spans}) == TRACES
    assert sum(not span.parent_span_id for span in spans) == TRACES
    assert all((span.trace_id, span.parent_span_id) in ids for span in spans if span.parent_span_id)
