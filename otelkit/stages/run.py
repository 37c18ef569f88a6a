"""``otelkit.run``: one execution of a pipeline, with its root span, run id and progress."""

from __future__ import annotations

import types
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sized
from contextvars import Token
from typing import TypeVar, overload

from opentelemetry.context import Context, set_value
from opentelemetry.trace import Span, set_span_in_context

from otelkit import _current, names
from otelkit._guard import Barrier
from otelkit.model.calls import AttributeValue, Outcome, error_type_of, outcome_of
from otelkit.model.error_facts import record_error
from otelkit.model.runtime import StageRuntime
from otelkit.stages import children, progress
from otelkit.stages.attached import attach, leave
from otelkit.stages.run_facts import (
    RUN_KEY,
    RunFacts,
    current_run_id,
    current_run_name,
    set_process_run,
    take_run_id,
)

__all__ = ["Run", "current_run_id", "current_run_name", "run", "set_process_run"]

T = TypeVar("T")


class Run:
    """One execution of a pipeline; what ``otelkit.run`` returns. Use it in one ``with``, once."""

    def __init__(self, name: str, total: int | None, pipeline: str | None) -> None:
        self.name = name
        self.pipeline = pipeline or name
        self.id: str | None = None
        """The run's id; None before it has begun, and where otelkit is not installed."""
        self._progress = progress.Progress(self.pipeline, total)
        self._span: Span | None = None
        self._barrier: Barrier | None = None
        self._token: Token[Context] | None = None
        self._generation = 0

    @property
    def done(self) -> int:
        """Items handled so far."""
        return self._progress.done

    @property
    def total(self) -> int | None:
        """Items the run expects to handle; None: unknown."""
        return self._progress.total

    def __enter__(self) -> Run:
        runtime = _current.runtime
        if runtime is None or self._token is not None:
            return self
        self.id = take_run_id()
        self._generation = children.generation
        context = set_value(RUN_KEY, RunFacts(self.id, self.name, self.pipeline))
        attributes: dict[str, AttributeValue] = {
            names.PIPELINE_NAME: self.pipeline,
            names.PIPELINE_RUN_ID: self.id,
            names.PIPELINE_RUN_NAME: self.name,
        }
        if self.total is not None:
            attributes[names.RUN_TOTAL] = self.total
        # Current already while the span starts, so that whoever looks at it then finds the run.
        token = attach(context)
        try:
            self._span = self._start_span(runtime, context, attributes)
            if self._span is not None:
                context = set_span_in_context(self._span, context)
        finally:
            leave(token)
        self._token = attach(context)
        progress.report(self._progress)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        """End the run; the exception, if any, goes on its way."""
        if self._token is None:
            return
        leave(self._token)
        self._token = None
        # A forked child that leaves its parent's run leaves it to the parent to end it.
        if self._span is None or self._generation != children.generation:
            return
        try:
            self._end_span(self._span, error)
        finally:
            self._span = None
            # Also after a span that could not be ended: the run's stages have recorded theirs.
            runtime = _current.runtime
            if runtime is not None and children.must_seal():
                runtime.seal(children.SEAL_S)

    def advance(self, count: int = 1) -> None:
        """Count ``count`` more handled items."""
        self._progress.advance(count)

    def set_total(self, total: int | None) -> None:
        """Say how many items the run expects to handle; None: unknown."""
        self._progress.total = total

    @overload
    def track(self, items: Iterable[T]) -> Iterator[T]: ...

    @overload
    def track(self, items: AsyncIterable[T]) -> AsyncIterator[T]: ...

    def track(self, items: Iterable[T] | AsyncIterable[T]) -> Iterator[T] | AsyncIterator[T]:
        """Hand out ``items`` one by one and count each as handled when the next one is asked for.

        The run's total, if not given, is ``len(items)``, where that is known. An item whose handling raises is not counted, nor
        one at which the loop is left by ``break``.
        """
        if self.total is None and isinstance(items, Sized):
            self.set_total(_length_of(items))
        if isinstance(items, AsyncIterable):
            return self._track_async(items)
        return self._track(items)

    def _track(self, items: Iterable[T]) -> Iterator[T]:
        for item in items:
            yield item
            self.advance()

    async def _track_async(self, items: AsyncIterable[T]) -> AsyncIterator[T]:
        async for item in items:
            yield item
            self.advance()

    def _start_span(
        self, runtime: StageRuntime, context: Context, attributes: dict[str, AttributeValue]
    ) -> Span | None:
        self._barrier = barrier = runtime.runs
        if barrier.off:
            return None
        try:
            span = runtime.tracer.start_span(
                self.name, context, attributes=attributes, record_exception=False, set_status_on_exception=False
            )
        except RecursionError:
            return None  # the user's code is about to run into the limit itself; that is no fault of a span's
        except Exception as error:  # noqa: BLE001 - samplers and processors of the program's own provider run in here
            barrier.fault(error, "start span")
            return None
        barrier.success("start span")
        return span

    def _end_span(self, span: Span, error: BaseException | None) -> None:
        try:
            _end(span, self.total, error)
        except Exception as fault:  # noqa: BLE001 - see above
            if self._barrier is not None:
                self._barrier.fault(fault, "end span")
        else:
            if self._barrier is not None:
                self._barrier.success("end span")


def run(name: str, *, total: int | None = None, pipeline: str | None = None) -> Run:
    """Mark one execution of a pipeline: ``with otelkit.run("nightly", total=83_000) as run:``.

    The block gets a root span and a run id, which all its spans carry; its stages belong to its pipeline unless they name
    another. The first run of a process that was started by ``otelkit run`` takes that run's id over.

    Args:
        name: The run's name.
        total: Items the run expects to handle, for its progress; ``track`` finds out by itself where it can.
        pipeline: `pipeline.name` of the stages inside; None: the run's name.
    """
    return Run(name, total, pipeline)


def _length_of(items: Sized) -> int | None:
    try:
        return len(items)
    except Exception:  # noqa: BLE001 - the user's own __len__ may raise anything; then the total stays unknown
        return None


def _end(span: Span, total: int | None, error: BaseException | None) -> None:
    try:
        if span.is_recording():
            if total is not None:
                span.set_attribute(names.RUN_TOTAL, total)
            if error is not None and outcome_of(error) is Outcome.ERROR:
                span.set_attribute(names.ERROR_TYPE, error_type_of(error))
                record_error(span, error)
    finally:
        span.end()
