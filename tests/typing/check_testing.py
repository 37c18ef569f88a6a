"""What users type in their tests, and what a type checker makes of it. Checked by mypy, never run."""

from __future__ import annotations

from typing import assert_type

from opentelemetry.sdk.trace import ReadableSpan

from otelkit._clock import Clock
from otelkit.testing import CountingIds, FakeClock, Point, Recorder, check_describer

clock: Clock = FakeClock()

with Recorder(clock=FakeClock(), pipeline="audio") as recorder:
    assert_type(recorder, Recorder)
    assert_type(recorder.spans, list[ReadableSpan])
    assert_type(recorder.span("a"), ReadableSpan)
    assert_type(recorder.tree(), list[str])
    assert_type(recorder.points("pipeline.stage.duration"), list[Point])

assert_type(CountingIds().generate_span_id(), int)
check_describer(lambda value: {"rows": 3}, object())
