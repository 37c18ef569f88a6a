"""What spans, log records and metrics are made of, made by hypothesis."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

GENEROUSLY = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)

texts = st.text(max_size=6) | st.sampled_from(["x" * 60, "x" * 127, "x" * 128, "é" * 200, "x" * 20_000])
integers = st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(-3, 300) | st.sampled_from([0x7F, 0x80, 0x7FF, 0x800])
values = st.recursive(
    st.none() | st.booleans() | integers | st.floats() | texts | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from(["a", "b", "pipeline.stage.name", "k" * 200]) | texts.filter(bool)
mappings: st.SearchStrategy[dict[str, Any]] = st.dictionaries(keys, values, max_size=5)
attributes = (
    mappings
    | st.none()
    | mappings.map(MappingProxyType)
    | mappings.map(lambda mapping: BoundedAttributes(3, mapping, max_value_len=100))
)
times = st.none() | st.integers(0, (1 << 64) - 1) | st.just(1_700_000_000_000_000_000)
resources = st.sampled_from(
    [
        Resource({"service.name": "one", "host": ["a", "b"]}),
        Resource({"service.name": "two", "process.pid": 12}, "https://example.org/schema"),
        Resource({"service.name": "two", "process.pid": 12}, "https://example.org/schema"),
        Resource.get_empty(),
    ]
)
scopes = st.sampled_from(
    [
        None,
        InstrumentationScope("one"),
        InstrumentationScope("one"),
        InstrumentationScope("two", "1.0", "https://example.org/two", {"a": 1}),
    ]
)
