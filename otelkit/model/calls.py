"""A stage, and one call of it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.context import Context

AttributeScalar = str | bool | int | float
AttributeValue = AttributeScalar | tuple[AttributeScalar, ...] | list[str] | list[bool] | list[int] | list[float]


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


class StageCall:
    """One call of a stage, while it runs and when it has ended. What `CallObserver`s see.

    ``context`` is the OpenTelemetry context with the call's span in it, for exemplars.
    """

    __slots__ = (
        "blocked_ns",
        "context",
        "duration_ns",
        "error",
        "items_failed",
        "items_ok",
        "items_skipped",
        "outcome",
        "pipeline",
        "stage",
        "start_ns",
        "waited_ns",
    )

    def __init__(self, stage: Stage, pipeline: str, start_ns: int, context: Context | None) -> None:
        self.stage = stage
        self.pipeline = pipeline
        self.start_ns = start_ns
        """Monotonic nanoseconds; moved to the start of the stage's own code once all observers have seen the call open."""
        self.context = context
        self.duration_ns = 0
        """Set when the call has ended."""
        self.outcome: Outcome | None = None
        """None while the call runs."""
        self.error: BaseException | None = None
        """The exception that left the stage, if any; also for cancelled calls."""
        self.waited_ns = 0
        """Time inside the call, so far, in which it waited for a watched queue to hand it an item."""
        self.blocked_ns = 0
        """Time inside the call, so far, in which it could not hand on an item: a watched queue was full, or a generator's
        consumer was busy with the last one."""
        self.items_ok = 0
        self.items_failed = 0
        self.items_skipped = 0

    @property
    def error_type(self) -> str | None:
        """Qualified name of the error (`error.type`); None unless the outcome is an error."""
        if self.error is None or self.outcome is not Outcome.ERROR:
            return None
        return error_type_of(self.error)


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
