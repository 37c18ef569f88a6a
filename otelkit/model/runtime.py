"""What decorated functions need of an installed otelkit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from otelkit.model.calls import AttributeValue, Stage, StageSeries

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

    from otelkit._guard import Barrier


class OpenCall(Protocol):
    """A stage call between its start and its end. Not thread-safe: it belongs to the call."""

    @property
    def scope(self) -> Context:
        """The context in which the stage's own code runs: the call's span is current in it. Empty when it has ended."""

    @property
    def span(self) -> Span:
        """The call's span; a non-recording one if it is not sampled."""

    def set(self, key: str, value: AttributeValue) -> None:
        """Put an attribute on the span."""

    def add_items(self, ok: int = 0, failed: int = 0, skipped: int = 0) -> None:
        """Count items handled in this call; replaces the one item of a plain call, repeated calls add."""

    yielded_at_ns: int
    """When a generator has handed out its last value, while its consumer is at work with it; monotonic; 0: it is not."""
    blocked_ns: int
    """Time so far in which a generator's consumer was at work, or a watched queue was full."""

    @property
    def now(self) -> Callable[[], int]:
        """Returns monotonic nanoseconds, of the clock that measures the call."""

    def count_values(self) -> list[int]:
        """Return where a generator counts its values, in the first number."""

    def close(self, error: BaseException | None = None) -> None:
        """End the call with the exception that leaves it, or None. Repeated calls do nothing. Never raises."""


class StageRuntime(Protocol):
    """What is installed in this process, as far as stages know. Its methods never raise."""

    @property
    def tracer(self) -> Tracer:
        """Makes the spans that are no stage calls: the root spans of runs."""

    @property
    def runs(self) -> Barrier:
        """Contains and counts what fails while the root span of a run is started or ended."""

    def open(
        self,
        stage: Stage,
        args: tuple[Any, ...] = (),  # Any: the user's own arguments
        kwargs: Mapping[str, Any] | None = None,
        parent: Context | None = None,
    ) -> OpenCall:
        """Start a call. ``parent`` is the context to start in; None: the current one."""

    def series(self) -> Sequence[StageSeries]:
        """Return what is known of the stages that have been called, with the calls that run now."""

    def flush(self, timeout_s: float) -> bool:
        """Send what is pending; False if that did not succeed in time."""

    def seal(self, timeout_s: float) -> bool:
        """Make what is pending safe against the sudden end of this process; False if that did not succeed in time."""
