"""Spans, steps and chains made for tests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

from otelkit.ledger.ledger import Ledger
from otelkit.model.blueprint import Offered
from otelkit.model.steps import Phase, SpanStep
from otelkit.model.traces import EndedSpan, EndedSpanStep
from otelkit.spans.chain import Chain


class Sink:
    """A ``deliver`` that keeps what it gets and counts it as delivered."""

    def __init__(self, ledger: Ledger) -> None:
        self.spans: list[ReadableSpan] = []
        self._ledger = ledger

    def __call__(self, batch: Sequence[ReadableSpan]) -> None:
        self.spans.extend(batch)
        self._ledger.delivered("traces", len(batch))

    @property
    def names(self) -> list[str]:
        return [span.name for span in self.spans]


def offered(*steps: SpanStep) -> list[Offered[SpanStep]]:
    """Return steps as a plugin of the distribution ``otelkit-test`` would offer them, in the order of their phases."""
    return [Offered("test", "otelkit-test", step) for step in sorted(steps, key=lambda step: (step.phase, step.name))]


def chain(*steps: SpanStep) -> tuple[Chain, Ledger, Sink]:
    """Return a chain of ``steps`` that delivers into a `Sink`."""
    ledger = Ledger()
    sink = Sink(ledger)
    return Chain(offered(*steps), sink, account=ledger), ledger, sink


def spans(count: int, ledger: Ledger | None = None, **attributes: Any) -> list[ReadableSpan]:
    """Return ended spans named ``s0``, ``s1`` …, counted as created if there is a ledger."""
    provider = TracerProvider(shutdown_on_exit=False)
    tracer = provider.get_tracer("test", "1.0")
    made = []
    for number in range(count):
        span = tracer.start_span(f"s{number}", attributes=attributes)
        span.end()
        assert isinstance(span, ReadableSpan)
        made.append(span)
    if ledger is not None:
        ledger.created("traces", count)
    return made


class Step(SpanStep):
    """A step with a name and a phase."""

    def __init__(self, name: str = "step", phase: Phase = Phase.ENRICH) -> None:
        self.name = name
        self.phase = phase


class Answering(Step):
    """Answers ``on_end`` with what a function says."""

    def __init__(self, answer: Any, name: str = "answering", phase: Phase = Phase.ENRICH) -> None:
        super().__init__(name, phase)
        self._answer = answer

    def on_end(self, span: ReadableSpan) -> Iterable[ReadableSpan]:
        return self._answer(span)  # type: ignore[no-any-return] # rubbish on purpose


class Holding(Step):
    """Holds every span until it is told to let go; tells how many it holds."""

    def __init__(self, name: str = "holding", phase: Phase = Phase.JUDGE) -> None:
        super().__init__(name, phase)
        self.kept: list[ReadableSpan] = []
        self.let_go = False

    def on_end(self, span: ReadableSpan) -> Iterable[ReadableSpan]:
        self.kept.append(span)
        return ()

    def tick(self, now_ns: int) -> Iterable[ReadableSpan]:
        return self._all() if self.let_go else ()

    def held(self) -> int:
        return len(self.kept)

    def close(self, timeout_s: float) -> Iterable[ReadableSpan]:
        return self._all()

    def after_fork(self) -> None:
        self.kept = []

    def _all(self) -> list[ReadableSpan]:
        kept, self.kept = self.kept, []
        return kept


class Keeper(EndedSpanStep):
    """Takes ended spans as they are, and holds them for good."""

    phase = Phase.JUDGE

    def __init__(self, name: str = "keeper") -> None:
        self.name = name
        self.kept: list[EndedSpan] = []

    def on_ended(self, batch: Sequence[EndedSpan]) -> Sequence[EndedSpan]:
        self.kept += batch
        return ()

    def held(self) -> int:
        return len(self.kept)

    def rest(self, timeout_s: float) -> Sequence[EndedSpan]:
        kept, self.kept = self.kept, []
        return kept
