"""Decoded spans → rows, roll-ups and what stands out. The hot loop of the writer."""

from __future__ import annotations

import math
from typing import Any, Final

from otelkit import names
from otelkit.embedded.store.dictionary import AttributeDictionary
from otelkit.embedded.store.kinds import Kinds
from otelkit.embedded.store.notable import Notable, error_text
from otelkit.embedded.store.rollups import Cell, Rollups
from otelkit.embedded.store.runs import Runs, RunState
from otelkit.embedded.store.sketch import SCALE
from otelkit.embedded.store.traces import TraceNumbers
from otelkit.embedded.wire import Group
from otelkit.embedded.wire_primitives import write_varint
from otelkit.embedded.wire_values import Attribute, Mark

INSERT: Final = "INSERT INTO span VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
SPAN_ID: Final = 2
"""Where in a row the span's id is."""

_SECOND_NS: Final = 1_000_000_000
_REMEMBERED: Final = 20_000
_MOST_SHAPES: Final = 20_000
_ERROR: Final = 2


class _Facts:
    """What the store makes of a set of attributes."""

    __slots__ = ("error_type", "item", "items", "outcome", "packed", "paused_ns", "pipeline", "run_id", "run_name",
                 "stage", "total")  # fmt: skip

    def __init__(self) -> None:
        self.packed = b""
        self.stage: str | None = None
        self.pipeline: str | None = None
        self.run_id: str | None = None
        self.run_name: str | None = None
        self.item: str | None = None
        self.outcome: str | None = None
        self.error_type: str | None = None
        self.items: tuple[float, float, float] | None = None
        """ok, failed, skipped; None: the call counts as one item."""
        self.paused_ns = 0.0
        """Waited for input or for a full output."""
        self.total: int | None = None

    def note(self, key: str, value: Any) -> None:
        """Take in a marked attribute. Values of a wrong type are somebody else's attribute and ignored."""
        if isinstance(value, str):
            if key == names.STAGE_NAME:
                self.stage = value
            elif key == names.PIPELINE_NAME:
                self.pipeline = value
            elif key == names.PIPELINE_RUN_ID:
                self.run_id = value
            elif key == names.PIPELINE_RUN_NAME:
                self.run_name = value
            elif key == names.ITEM_ID:
                self.item = value
            elif key == names.STAGE_OUTCOME:
                self.outcome = value
            elif key == names.ERROR_TYPE:
                self.error_type = value
        elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            ok, failed, skipped = self.items or (0.0, 0.0, 0.0)
            if key == names.ITEMS_OK:
                self.items = (float(value), failed, skipped)
            elif key == names.ITEMS_FAILED:
                self.items = (ok, float(value), skipped)
            elif key == names.ITEMS_SKIPPED:
                self.items = (ok, failed, float(value))
            elif key in (names.STAGE_WAIT_S, names.STAGE_BLOCKED_S):
                self.paused_ns += max(0.0, value * 1e9)
            elif key == names.RUN_TOTAL:
                self.total = int(value)
            elif key == names.ITEM_ID:
                self.item = str(value)

    def with_marks(self, marks: list[Mark]) -> _Facts:
        """Return these facts and those of attributes that do not repeat."""
        copy = _Facts()
        for slot in self.__slots__:
            setattr(copy, slot, getattr(self, slot))
        for key, value in marks:
            copy.note(key, value)
        return copy


class SpanRows:
    """Collects the rows of a transaction."""

    def __init__(
        self,
        attributes: AttributeDictionary,
        kinds: Kinds,
        traces: TraceNumbers,
        runs: Runs,
        rollups: Rollups,
        first: int,
    ) -> None:
        self._attributes = attributes
        self._kinds = kinds
        self._traces = traces
        self._runs = runs
        self._rollups = rollups
        self.next = first
        """The number that the next span gets; it orders the spans of a trace."""
        self._facts: dict[tuple[Attribute, ...], _Facts] = {}
        self._shapes: dict[tuple[int, int], dict[tuple[int, str, int], int]] = {}

    def forget_attributes(self) -> None:
        """Ask the dictionary again for what it gave."""
        self._facts.clear()

    def rows(self, group: Group, now_ns: int) -> list[tuple[Any, ...]]:
        """Return the rows of a group's spans for `INSERT`. Needs an open transaction."""
        resource, default_run = self._kinds.resource(group.resource, now_ns)
        scope = self._kinds.scope(group.scope)
        if len(self._shapes) >= _REMEMBERED:
            self._shapes.clear()
        self._traces.learn([row[0] for row in group.rows], now_ns // _SECOND_NS)
        traces, facts_of = self._traces.known, self._facts
        shapes = self._shapes.setdefault((resource, scope), {})
        runs: dict[str, RunState] = {}
        ceil, log = math.ceil, math.log
        default_run.changed = True
        pack_inline, pending = self._attributes.pack_inline, self._rollups.pending
        seq = self.next
        out = []
        for (
            trace_id, span_id, parent, name, kind, start, end, status, flags, shared, own, marks, rest, weight
        ) in group.rows:  # fmt: skip
            facts = facts_of.get(shared) or self._learn(shared)
            packed, item = facts.packed, facts.item
            if own:
                packed += pack_inline(own)
                if marks:
                    key, item = marks[0]
                    if len(marks) > 1 or key != names.ITEM_ID or item.__class__ is not str:
                        facts = facts.with_marks(marks)
                        item = facts.item
            run_id = facts.run_id
            run = default_run if run_id is None else runs.get(run_id) or self._run(run_id, runs, now_ns)
            trace = traces[trace_id]
            shape = shapes.get((run.no, name, kind))
            if shape is None:
                shape, in_place = self._shape(resource, scope, run, name, kind)
                if in_place:
                    text = name.encode()
                    rest += b"\x2a" + write_varint(len(text)) + text
            duration = end - start
            out.append(
                (
                    trace,
                    seq,
                    span_id,
                    parent or None,
                    shape,
                    start,
                    duration,
                    flags * 4 + (status if 0 <= status <= _ERROR else 0),
                    packed,
                    rest or None,
                )
            )
            seq += 1
            run.spans += 1
            if start < run.first_ns or end > run.last_ns:
                run.saw(start, end)
            if trace > run.last_trace:
                run.last_trace = trace
            if trace < run.first_trace:
                run.first_trace = trace
            if facts.run_name is not None:
                self._root(run, facts, group.resource.service)
                if run is not default_run:
                    # A further run of a process, which goes on without it; its own run ends with it.
                    run.ends(end / 1e9)
            stage = facts.stage
            if stage is None:
                continue
            second = end // _SECOND_NS
            cell = pending.get((run.no, stage, second))
            if cell is None:
                cell = pending[run.no, stage, second] = Cell()
                cell.pipeline = facts.pipeline
            if start < cell.first_ns:
                cell.first_ns = start
            cell.calls += weight
            cell.seen += 1
            cell.busy_ns += (duration - facts.paused_ns if duration > facts.paused_ns else 0) * weight
            bucket = ceil(log(duration) * SCALE) if duration > 1 else 0
            cell.histogram[bucket] = cell.histogram.get(bucket, 0.0) + weight
            if facts.items is not None:
                ok, failed, skipped = facts.items
                cell.items_ok += ok * weight
                cell.items_failed += failed * weight
                cell.items_skipped += skipped * weight
            elif status == _ERROR:
                cell.items_failed += weight
            elif facts.outcome != "cancelled":
                cell.items_ok += weight
            if duration > (run.slowest_plain_ns if item is None else run.slowest_ns):
                run.slower(Notable(stage, item, trace_id.hex(), span_id.hex(), duration, end))
            if status == _ERROR:
                cell.failed += weight
                if (item is not None, end) >= run.last_failed_rank:
                    run.last_failed_rank = (item is not None, end)
                    run.last_failed = Notable(
                        stage, item, trace_id.hex(), span_id.hex(), duration, end, error_text(facts.error_type, rest)
                    )
        self.next = seq
        return out

    def _learn(self, shared: tuple[Attribute, ...]) -> _Facts:
        facts = _Facts()
        facts.packed = self._attributes.pack(shared)
        for attribute in shared:
            if attribute.key.marked:
                facts.note(attribute.key.name, attribute.value)
        if len(self._facts) >= _REMEMBERED:
            self._facts.clear()
        self._facts[shared] = facts
        return facts

    def _shape(self, resource: int, scope: int, run: RunState, name: str, kind: int) -> tuple[int, bool]:
        """Return the number of the shape, and whether the name has to go into the span itself."""
        in_place = self._kinds.shapes_made >= _MOST_SHAPES
        shape = self._kinds.shape(resource, scope, run.no, None if in_place else name, kind)
        if not in_place:
            self._shapes[resource, scope][run.no, name, kind] = shape
        return shape, in_place

    def _run(self, run_id: str, runs: dict[str, RunState], now_ns: int) -> RunState:
        run = runs[run_id] = self._runs.get(run_id, now_ns)
        run.changed = True
        return run

    def _root(self, run: RunState, facts: _Facts, service: str) -> None:
        run.told_name = facts.run_name
        if run.service is None:
            run.service = service
        if facts.total is not None:
            run.total = facts.total
