"""What a head sampler may offer so that a span's start need not ask it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from otelkit.model.calls import AttributeValue, Stage
from otelkit.model.steps import SpanStep

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import TraceState

KeptRoot = tuple["TraceState | None", Mapping[str, AttributeValue]]
"""The ``tracestate`` of a trace that is kept (None: empty), and what is put on its root span. Not changed by who gets it."""


@runtime_checkable
class RootDecider(Protocol):
    """A sampler that decides on root spans by their trace id alone, and lets local children do as their parent.

    Below a remote parent it decides by that parent alone: it is asked once, for all of its children.
    It may implement this besides `should_sample`, which it is otherwise asked, with all of a span's attributes, for every root.
    """

    root_state: TraceState | None
    """The ``tracestate`` of the traces it keeps; shared by all of them."""
    root_attributes: Mapping[str, AttributeValue]
    """Put on the root span of each trace that is kept."""

    def keeps(self, trace_id: int) -> bool:
        """Return whether the trace that starts with this id is kept."""


@runtime_checkable
class StageRootDecider(Protocol):
    """A sampler that decides on a stage with which a trace starts by that stage, its pipeline and what is in the context.

    As with `RootDecider`, local children do as their parent, and below a remote parent `should_sample` decides, once for all of
    its children. A sampler that implements both is asked as a `RootDecider`.
    """

    def decide_root(self, trace_id: int, stage: Stage, pipeline: str, context: Context) -> KeptRoot | None:
        """Return what a kept trace carries, or None: it is not kept.

        Called in the user's thread as each trace starts, from any thread; what it raises, stages contain.
        """


@runtime_checkable
class RootKeeper(Protocol):
    """A `StageRootDecider` that may keep every trace that starts here with nothing to say of it: it is not asked then."""

    keeps_every_root: bool


@runtime_checkable
class LearningSampler(Protocol):
    """A sampler that keeps something beyond the program's end.

    A sampler that wraps one passes `close` on.
    """

    def close(self) -> None:
        """Write down what was learnt; called once, at the program's orderly end. Must not raise and not take long."""


@runtime_checkable
class JudgingSampler(Protocol):
    """A head sampler that decides at the end: it lets traces through, and brings the step that judges them.

    A sampler that wraps one shows the same ``step``.
    """

    step: SpanStep
    """Of the phase JUDGE; becomes part of the chain of steps."""
