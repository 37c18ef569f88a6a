"""Keep traces at the rate of the first rule that matches the span with which they start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from opentelemetry.context import Context
from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AnyValue, Attributes

from otelkit import names
from otelkit.model.calls import AttributeValue, Stage
from otelkit.model.sampling import KeptRoot
from otelkit.model.stage_attributes import first_attributes
from otelkit.sampling import tracestate
from otelkit.sampling.like_parent import DecidesAtRoots
from otelkit.sampling.rules import Rule
from otelkit.sampling.rules_conditions import SPAN_KIND, SPAN_NAME

_MOST_STAGES: Final = 10_000
"""Stages, each in its pipeline, that are remembered; for those beyond, rules are gone through for each trace anew."""
_MOST_OTHERS: Final = 1000
"""Sets of values of what rules look at that are remembered of other spans, and stage objects; then remembering begins anew."""
_NAMES: Final = frozenset({SPAN_NAME, SPAN_KIND, names.STAGE_NAME, names.PIPELINE_NAME, names.CODE_FUNCTION})
"""What is the same in all calls of a stage that is called so."""
_REMEMBERED: Final = frozenset({str, int, type(None)})
"""Types of values that are remembered. To Python 1, 1.0 and True are equal; to rules they are not."""


class OtelkitRules(DecidesAtRoots):
    """Decides where a trace starts, by the first rule that matches; children do as their parent, a remote one included.

    What a rule looks at is what is known when the span starts: of a stage its name, pipeline, function and the attributes that
    its decorator has; of other spans their name, kind and first attributes. The decision itself depends on the trace id alone,
    as that of `OtelkitRatio` does, and a kept trace says its rule's rate as its ``th``.

    Implements `model.sampling.StageRootDecider`. Thread-safe, and safe to fork: nothing is learnt but which rule a stage has.

    Args:
        rules: The first that matches decides.
        otherwise: Share of the traces kept that no rule matches, 0 to 1.

    Raises:
        ValueError: ``otherwise`` is not a number from 0 to 1.
    """

    def __init__(self, rules: Sequence[Rule], otherwise: float = 1.0) -> None:
        if not 0.0 <= otherwise <= 1.0:  # also false for NaN
            raise ValueError(f"otherwise is {otherwise!r}; expected a number from 0 to 1")
        self.rules = tuple(rules)
        self.otherwise = float(otherwise)
        self._outcomes = tuple((rule, _Outcome(rule.rate, f"rule:{rule.name}")) for rule in self.rules)
        self._unmatched = _Outcome(self.otherwise, "ratio")
        self._keys = tuple(sorted({condition.key for rule in self.rules for condition in rule.conditions}))
        self._by_names_alone = _NAMES.issuperset(self._keys)
        # By what they are called: each `with` makes a stage object of its own.
        self._by_stage: dict[tuple[str, str, str | None], _Outcome] = {}
        self._by_object: dict[tuple[Stage, str], _Outcome] = {}
        self._by_values: dict[tuple[AnyValue, ...], _Outcome] = {}

    def decide_root(self, trace_id: int, stage: Stage, pipeline: str, context: Context) -> KeptRoot | None:
        """Return what a kept trace carries that starts with a stage; None: it is not kept."""
        if self._by_names_alone:
            known = self._by_stage.get((stage.name, pipeline, stage.function))
            outcome = known or self._look_up(stage, pipeline)
        else:
            known = self._by_object.get((stage, pipeline))
            outcome = known or self._look_through(stage, pipeline)
        return outcome.kept if (trace_id & (tracestate.SCALE - 1)) >= outcome.threshold else None

    def kept_root(self, trace_id: int, name: str, kind: SpanKind, attributes: Attributes) -> KeptRoot | None:
        """Return what a kept trace carries; None: it is not kept."""
        outcome = self._first_match(name, kind, attributes or {})
        return outcome.kept if (trace_id & (tracestate.SCALE - 1)) >= outcome.threshold else None

    def get_description(self) -> str:
        """Return the sampler's name and its rules."""
        rules = "; ".join(f"{rule.name} -> {rule.rate:g}" for rule in self.rules) or "no rules"
        return f"OtelkitRules{{{rules}; otherwise {self.otherwise:g}}}"

    def _look_up(self, stage: Stage, pipeline: str) -> _Outcome:
        outcome = self._first_match(stage.name, SpanKind.INTERNAL, first_attributes(stage, pipeline))
        if len(self._by_stage) < _MOST_STAGES:
            self._by_stage[stage.name, pipeline, stage.function] = outcome
        return outcome

    def _look_through(self, stage: Stage, pipeline: str) -> _Outcome:
        outcome = self._first_match(stage.name, SpanKind.INTERNAL, first_attributes(stage, pipeline))
        if len(self._by_object) >= _MOST_OTHERS:
            self._by_object.clear()
        self._by_object[stage, pipeline] = outcome
        return outcome

    def _first_match(self, name: str, kind: SpanKind, attributes: Mapping[str, AnyValue]) -> _Outcome:
        span = {SPAN_NAME: name, SPAN_KIND: kind.name.lower()}
        values = tuple([span[key] if key in span else attributes.get(key) for key in self._keys])
        remembers = _REMEMBERED.issuperset(map(type, values))
        if remembers and (known := self._by_values.get(values)) is not None:
            return known
        facts = {**attributes, **span}
        outcome = next((outcome for rule, outcome in self._outcomes if rule.matches(facts)), self._unmatched)
        if remembers:
            if len(self._by_values) >= _MOST_OTHERS:
                self._by_values.clear()
            self._by_values[values] = outcome
        return outcome


class _Outcome:
    """What a rule means for a trace."""

    __slots__ = ("kept", "threshold")

    def __init__(self, rate: float, reason: str) -> None:
        self.threshold = tracestate.threshold_for(rate)
        state = tracestate.with_threshold(None, self.threshold) if self.threshold < tracestate.SCALE else None
        said: Mapping[str, AttributeValue] = {names.SAMPLING_REASON: reason, names.SAMPLING_RATE: rate}
        # Shared by all of its traces.
        self.kept: KeptRoot = (state, said)
