"""Spans as OTLP bytes: pure Python, fast for the spans of stages, complete for all others."""

from otelkit.spans.otlp.request import SpanEncoder

__all__ = ["SpanEncoder"]
