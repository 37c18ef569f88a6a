"""The step of a head sampler that decides at a trace's end, found and put among the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from otelkit._assembly.parent_based import parts_of
from otelkit.model.blueprint import Offered
from otelkit.model.sampling import JudgingSampler
from otelkit.model.steps import SpanStep

_OURS: Final = "otelkit"


def judging_step(sampler: object) -> Offered[SpanStep] | None:
    """Return the step that a sampler brings, or one of those that a parent-based sampler is made of; None: none does."""
    # Where what is to be debugged is kept besides.
    sampler = getattr(sampler, "within", sampler)
    for part in (sampler, *parts_of(sampler)):
        if isinstance(part, JudgingSampler) and isinstance(part.step, SpanStep):
            module = type(part).__module__.partition(".")[0]
            return Offered("sampler", None if module == _OURS else module, part.step)
    return None


def with_judge(steps: Sequence[Offered[SpanStep]], sampler: object) -> tuple[Offered[SpanStep], ...]:
    """Return the steps and the one that the sampler brings, in the order in which spans pass them."""
    step = judging_step(sampler)
    if step is None:
        return tuple(steps)
    return tuple(sorted((*steps, step), key=lambda offered: (offered.value.phase, offered.value.name)))
