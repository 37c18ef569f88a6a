"""The spans that the store's benchmarks send."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.made_spans import SPANS_A_REQUEST, requests


@pytest.mark.parametrize("unique", [0, 1, 2, 3])
def test_made_requests_are_what_they_claim_to_be(unique: int) -> None:
    """The official classes read whole requests of stage spans, with as many unique attributes as asked for."""
    found = list(requests(2 * SPANS_A_REQUEST + 7, unique))
    spans = [
        span
        for body in found
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for span in resource.scope_spans[0].spans
    ]
    values = [tuple(str(attribute) for attribute in span.attributes[7:]) for span in spans]

    assert len(found) == 2
    assert len({span.span_id for span in spans}) == len(spans) == 2 * SPANS_A_REQUEST
    assert len({span.trace_id for span in spans}) == len(spans) / 5
    assert {len(value) for value in values} == {unique}
    assert len(set(values)) == (len(spans) if unique else 1)
