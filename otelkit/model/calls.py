"""A stage, and one call of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final

from otelkit.model.contexts import NO_SCOPE

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span

AttributeScalar = str | bool | int | float
AttributeValue = AttributeScalar | tuple[AttributeScalar, ...] | list[str] | list[bool] | list[int] | list[float]

MIN_WAIT_NS: Final = 1_000_000
"""Waits in a call that are shorter than a millisecond in sum are not worth an attribute on every span."""


class StageKind(Enum):
    """How a stage runs, which decides how it is wrapped."""

    FUNCTION = "function"
    COROUTINE = "coroutine"
    GENERATOR = "generator"
    ASYNC_GENERATOR = "async_generator"
    BLOCK = "block"


class Outcome(Enum):
    """How a call ended."""

    OK = "ok"
    ERROR = "error"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """What is known of a stage before it is ever called. One object per wrapped function; compared by identity."""

    name: str
    """Shown to people; `pipeline.stage.name`."""
    kind: StageKind
    pipeline: str | None = None
    """As given to the decorator; None: the run's, the setting's or the service's name."""
    item: str | None = None
    """Name of the argument that identifies the item, if given."""
    function: str | None = None
    """Full dotted path; `code.function.name`."""
    parameters: tuple[str, ...] = ()
    """Names of the positional parameters, in order, for describers."""
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    """Put on every span of the stage."""


class StageSeries:
    """One stage in one pipeline, in this process: what its calls have in common. Compared by identity."""

    __slots__ = ("__weakref__", "pipeline", "running", "stage")

    def __init__(self, stage: Stage, pipeline: str) -> None:
        self.stage = stage
        self.pipeline = pipeline
        self.running: set[StageCall] = set()
        """The calls that run now. Adding and discarding is one step for the interpreter; copy it before looking through it."""


class StageCall:
    """One call of a stage, while it runs and when it has ended. What `CallObserver`s see.

    Belongs to the code that runs the stage; only its items and attributes may be added to from elsewhere.
    """

    # What every call has. The rest has a default on the class, and a place of its own (in the `__dict__`) only once it differs
    # from that: a call that went well and counted nothing is made with half the work.
    __slots__ = ("__dict__", "duration_ns", "enclosing", "outcome", "scope", "series", "start_ns")

    counted: list[int] | None = None
    """Items handled: ok, failed, skipped; and a fourth number if a generator's values were counted by themselves."""
    yielded_at_ns: int = 0
    """When a generator has handed out its last value, while its consumer is at work with it; monotonic; 0: it is not."""
    series: StageSeries
    """Its stage and pipeline."""
    scope: Context
    """The OpenTelemetry context in which the stage's code runs: the call's span is current in it. Empty when it has ended."""
    enclosing: StageCall | None
    """The stage call that surrounds this one, if any; None once an ended call has been settled."""
    start_ns: int
    """Monotonic nanoseconds; moved to the start of the stage's own code once all observers have seen the call open."""
    duration_ns: int
    """-1 while the call runs."""
    outcome: Outcome | None
    """None while the call runs."""
    error: BaseException | None = None
    """The exception that left the stage, if any, also for cancelled calls. Gone before the call is settled: it holds frames."""
    error_type: str | None = None
    """Qualified name of the error (`error.type`); None unless the outcome is an error."""
    waited_ns: int = 0
    """Time inside the call, so far, in which it waited for a watched queue to hand it an item."""
    blocked_ns: int = 0
    """Time inside the call, so far, in which it could not hand on an item: a watched queue was full, or a generator's consumer
    was busy with the last one."""
    within_ns: int = 0
    """Time in the calls directly inside it that have been settled. Kept by who adds up the time of stages."""

    @property
    def stage(self) -> Stage:
        """The stage that is called."""
        return self.series.stage

    @property
    def pipeline(self) -> str:
        """Its pipeline."""
        return self.series.pipeline

    @property
    def sampled(self) -> bool:
        """Whether the call's span will be exported."""
        raise NotImplementedError

    @property
    def recording(self) -> bool:
        """Whether attributes are kept."""
        raise NotImplementedError

    @property
    def trace_id(self) -> int:
        """128 bits; 0 where there is no trace."""
        raise NotImplementedError

    @property
    def span_id(self) -> int:
        """64 bits; 0 where there is no span."""
        raise NotImplementedError

    @property
    def item_id(self) -> str | None:
        """The item it handles now, as far as is known; only calls that are recorded know."""
        raise NotImplementedError

    def describe(self, item: str | None, described: list[tuple[str, AttributeValue]] | None) -> None:
        """Put the item's id and what the arguments say on the span, if it is recorded."""
        raise NotImplementedError

    def items(self) -> tuple[int, int, int]:
        """Return the items handled: ok, failed, skipped.

        Where the stage has not said, an ended plain call is one item (a cancelled one none), a generator's as many as it gave.
        """
        if self.counted is not None:
            return self.counted[0], self.counted[1], self.counted[2]
        if self.outcome is Outcome.OK:
            return _ONE_OK
        return _ONE_FAILED if self.outcome is Outcome.ERROR else _NONE

    @property
    def items_ok(self) -> int:
        """Items handled well."""
        return self.items()[0]

    @property
    def items_failed(self) -> int:
        """Items that failed."""
        return self.items()[1]

    @property
    def items_skipped(self) -> int:
        """Items left out."""
        return self.items()[2]

    @property
    def outermost(self) -> bool:
        """Whether no other stage call of this process that still runs surrounds this one."""
        return self.enclosing is None or self.enclosing.duration_ns >= 0

    def add_items(self, ok: int = 0, failed: int = 0, skipped: int = 0) -> None:
        """Count items handled in this call; replaces what was counted by itself, repeated calls add."""
        if self.duration_ns < 0:
            items = self.counted
            if items is None or len(items) > _COUNTS:
                items = self.counted = [0, 0, 0]
            items[0] += ok
            items[1] += failed
            items[2] += skipped

    def count_values(self) -> list[int]:
        """Return where a generator counts its values, in the first number. Nothing comes of it once `add_items` was called."""
        counted = self.counted = [0, 0, 0, 0]
        return counted

    def queued(self, waited_ns: int = 0, blocked_ns: int = 0) -> None:
        """Count time that the stage's code spent waiting for an item, or for room to put one."""
        if self.duration_ns < 0:
            self.waited_ns += waited_ns
            self.blocked_ns += blocked_ns

    @property
    def now(self) -> Callable[[], int]:
        """Returns monotonic nanoseconds, of the clock that measures the call."""
        raise NotImplementedError

    @property
    def span(self) -> Span:
        """The call's span; a non-recording one if it is not sampled."""
        raise NotImplementedError

    def set(self, key: str, value: AttributeValue) -> None:
        """Put an attribute on the span; after the call's end this does nothing."""
        raise NotImplementedError

    def close(self, error: BaseException | None = None) -> None:
        """End the call with the exception that leaves it, or None. Repeated calls do nothing. Never raises."""
        raise NotImplementedError

    def abandon(self) -> None:
        """Forget the call: it is the parent's of a forked process, which ends and counts it. Its `close` does nothing here."""
        self.duration_ns = 0
        self.scope = NO_SCOPE


_COUNTS: Final = 3
_ONE_OK: Final = (1, 0, 0)
_ONE_FAILED: Final = (0, 1, 0)
_NONE: Final = (0, 0, 0)


def outcome_of(error: BaseException | None) -> Outcome:
    """Return the outcome of a call that ``error`` leaves (None: it returned).

    Being told to stop is no error: closing a generator, cancelling a task, Ctrl-C, and leaving with exit code 0.
    """
    if error is None:
        return Outcome.OK
    if isinstance(error, GeneratorExit | KeyboardInterrupt) or _is_cancelled(error):
        return Outcome.CANCELLED
    if isinstance(error, SystemExit) and (error.code is None or error.code == 0):
        return Outcome.CANCELLED
    return Outcome.ERROR


def _is_cancelled(error: BaseException) -> bool:
    # Not imported for this question: nobody has an error of asyncio's before it is imported, which takes a while.
    asyncio = sys.modules.get("asyncio.exceptions")
    return asyncio is not None and isinstance(error, asyncio.CancelledError)


def error_type_of(error: BaseException) -> str:
    """Return the qualified name of the error's class (`error.type`): ``ValueError``, ``json.decoder.JSONDecodeError``."""
    cls = type(error)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
