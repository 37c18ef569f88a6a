"""The spans of made traces, as a sampler that decides on ended spans gets them: `model.traces.EndedSpan` without an SDK."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from opentelemetry.trace import TraceState

from benchmarks.samplers.contest import end_of
from benchmarks.samplers.traffic import MadeTrace
from otelkit.model.calls import AttributeValue
from otelkit.testing.clock import START_NS

HELD_BYTES: Final = 640
"""What a stage span without attributes says it takes."""


class MadeSpan:
    """One span of a made trace; the last one is the root."""

    __slots__ = ("attributes", "index", "trace", "trace_state")

    def __init__(
        self,
        trace: MadeTrace,
        index: int,
        trace_state: TraceState | None,
        attributes: Mapping[str, AttributeValue] | None = None,
    ) -> None:
        self.trace = trace
        self.index = index
        self.trace_state = trace_state
        self.attributes = attributes

    @property
    def is_local_root(self) -> bool:
        return self.index == self.trace.spans - 1

    @property
    def trace_id(self) -> int:
        return self.trace.trace_id

    @property
    def span_id(self) -> int:
        return self.index + 1

    @property
    def parent_id(self) -> int:
        return 0 if self.is_local_root else self.trace.spans

    @property
    def name(self) -> str:
        return self.trace.stage if self.is_local_root else f"{self.trace.stage}.step"

    stage_name = name

    @property
    def pipeline(self) -> str:
        return self.trace.pipeline

    @property
    def start_unix_ns(self) -> int:
        return START_NS + (self.trace.start_ns if self.is_local_root else end_of(self.trace, self.index - 1))

    @property
    def end_unix_ns(self) -> int:
        return START_NS + (self.trace.end_ns if self.is_local_root else end_of(self.trace, self.index))

    @property
    def duration_ns(self) -> int:
        return self.end_unix_ns - self.start_unix_ns

    @property
    def failed(self) -> bool:
        return self.trace.error_type is not None and self.index >= self.trace.spans - 2

    @property
    def error_type(self) -> str | None:
        return self.trace.error_type if self.failed else None

    @property
    def error_frame(self) -> str | None:
        return self.trace.error_frame if self.failed else None

    @property
    def held_bytes(self) -> int:
        return HELD_BYTES

    def attribute(self, key: str) -> Any:  # Any: attribute values
        return self.attributes.get(key) if self.attributes else None

    def marked(self, trace_state: TraceState | None, attributes: Mapping[str, AttributeValue]) -> MadeSpan:
        return MadeSpan(self.trace, self.index, trace_state, {**(self.attributes or {}), **attributes})
