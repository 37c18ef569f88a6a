"""What decorated functions call when otelkit is installed: opens stage calls, and sees to it that ended ones are settled."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Tracer

from otelkit._clock import SYSTEM_CLOCK, Clock
from otelkit._guard import Barrier
from otelkit.model.blueprint import Offered
from otelkit.model.calls import Stage, StageCall, StageSeries
from otelkit.model.describers import Describer
from otelkit.model.observers import CallObserver
from otelkit.model.runtime import OpenCall
from otelkit.model.spans import LightOpener, StageSpans
from otelkit.stages import children, links
from otelkit.stages.attached import get_current
from otelkit.stages.calls import SpannedCalls
from otelkit.stages.describe import Describers
from otelkit.stages.run_facts import PROCESS, RUN_KEY

# Any below: the user's own arguments.
MAX_SERIES: Final = 10_000
"""Stages remembered, and ways from the pipeline of a run to one of them; a program that makes up more of either at run time
starts over."""

T = TypeVar("T")
_Told = tuple[Callable[[T], None], Barrier]
"""An observer's method, and the barrier before it."""


class Runtime:
    """Opens and ends stage calls. Implements `model.runtime.StageRuntime`; its methods never raise. Thread-safe.

    Args:
        spans: Makes the calls' spans where they are somebody else's.
        observers: See every call, sampled or not; each behind its own fault barrier.
        describers: By dotted type name.
        default_pipeline: `pipeline.name` of a stage that names none and runs outside `otelkit.run`.
        describe_arguments: Whether arguments become attributes.
        flush: Sends what is pending, within the given seconds; False if it could not.
        seal: Makes what is pending safe against the sudden end of this process, within the given seconds; None: ``flush``.
        clock: Measures durations.
        tracer: Makes the root spans of runs; None: the global provider's.
        ended: Takes each ended call, to have it settled soon with `settle`; None: settled at once.
        begun: Called when the first call of a stage begins in this process, in its thread; must not raise.
    """

    def __init__(
        self,
        *,
        spans: StageSpans,
        observers: Sequence[Offered[CallObserver]],
        describers: Mapping[str, Offered[Describer]],
        default_pipeline: str,
        describe_arguments: bool = True,
        flush: Callable[[float], bool],
        seal: Callable[[float], bool] | None = None,
        clock: Clock = SYSTEM_CLOCK,
        tracer: Tracer | None = None,
        ended: Callable[[StageCall], object] | None = None,
        begun: Callable[[], None] | None = None,
    ) -> None:
        self.default_pipeline = default_pipeline
        self.tracer = tracer if tracer is not None else trace.get_tracer("otelkit")
        self.barriers: dict[str, Barrier] = {}
        """The fault barrier of each guarded part, by its name."""
        self._flush = flush
        self._seal = seal or flush
        self._own = self._barrier("stages", None)
        self.runs = self._barrier("run spans", None)
        """Contains what fails while the root span of a run is started or ended."""
        self._opened: list[_Told[StageCall]] = []
        self._closed: list[_Told[StageCall]] = []
        self._settled: list[_Told[Sequence[StageCall]]] = []
        for offer in observers:
            observer, barrier = offer.value, self._barrier(f"observer {offer.value.name}", offer.distribution)
            # What an observer has not overridden is never called: it would cost every call of every stage.
            if type(observer).opened is not CallObserver.opened:
                self._opened.append((observer.opened, barrier))
            if type(observer).closed is not CallObserver.closed:
                self._closed.append((observer.closed, barrier))
            if type(observer).settled is not CallObserver.settled:
                self._settled.append((observer.settled, barrier))
        self._describers = Describers(describers, self.barriers, enabled=describe_arguments)
        self._describe = self._describers.describe
        self._now = clock.monotonic_ns
        # Reentrant: a signal handler may call a stage at any moment.
        self._lock = threading.RLock()
        self._start_over()
        self._put = ended or self._settle_now
        self._begun = begun
        self._starting = self._barrier("stage spans", None)
        self._beside = SpannedCalls(
            spans, clock, starting=self._starting, ending=self._own, closed=self._notify_closed, ended=self._put
        )
        self._light: LightOpener | None = None
        self._open: Callable[[StageSeries, Context, str | None], StageCall] = self._beside.open
        children.in_child(self._in_child)

    def use(self, light: LightOpener) -> None:
        """Open calls with spans of ours from now on."""
        self._light = light
        light.watch((self._notify_closed,) if self._closed else ())
        self._open = light.open

    def open(
        self,
        stage: Stage,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
        parent: Context | None = None,
    ) -> OpenCall:
        """Start a call: its span, its attributes, and word to the observers."""
        context = get_current() if parent is None else parent
        run: Any = context.get(RUN_KEY)  # RunFacts, or nothing
        try:
            if run is None:
                run_id = PROCESS.id
                series = self._outside[stage]
            else:
                run_id = run.id
                series = self._by_run[run.pipeline][stage]
        except KeyError:
            series = self._new_series(stage, None if run is None else run.pipeline)
        try:
            call = self._open(series, context, run_id)
        except Exception as error:  # noqa: BLE001 - a stranger's sampler, id generator or span processor may raise anything
            call = self._open_spanless(series, context, error)
        if (args or kwargs) and call.recording:
            try:
                self._describe(call, args, kwargs)
            except Exception as error:  # noqa: BLE001 - the span may be a stranger's
                self._own.fault(error, "describe")
        if links.waiting:
            links.opened(call)
        if self._opened:
            _tell(self._opened, "opened", call)
            # Last, so that the duration is the user's code and not ours.
            call.start_ns = self._now()
        return call

    def settle(self, calls: Sequence[StageCall]) -> None:
        """Show ended calls to those who look at batches of them. To be called on one thread at a time, once per call."""
        _tell(self._settled, "settled", calls)
        for call in calls:
            # Not held any longer: a chain of tasks, each started by the one before, would hold all of them.
            call.enclosing = None

    def series(self) -> Sequence[StageSeries]:
        """Return what is known of the stages that have been called, with the calls that run now."""
        return tuple(dict.fromkeys((*self._earlier, *self._known.values())))

    def flush(self, timeout_s: float) -> bool:
        """Send what is pending; False if that did not succeed in time."""
        try:
            return self._flush(timeout_s)
        except Exception as error:  # noqa: BLE001 - exporters may raise anything
            self._own.fault(error, "flush")
            return False

    def seal(self, timeout_s: float) -> bool:
        """Make what is pending safe against the sudden end of this process; False if that did not succeed in time."""
        try:
            return self._seal(timeout_s)
        except Exception as error:  # noqa: BLE001 - steps and exporters may raise anything
            self._own.fault(error, "seal")
            return False

    # -- inside ----------------------------------------------------------------------------------------------------

    def _start_over(self) -> None:
        self._known: dict[tuple[Stage, str], StageSeries] = {}
        self._earlier: frozenset[StageSeries] = frozenset()
        """Those of before the last time that there were too many, and older ones that have calls running."""
        self._forget_ways()

    def _forget_ways(self) -> None:
        # The series by the pipeline of the run (None: outside of any), for `open` to find at once.
        self._by_run: dict[str | None, dict[Stage, StageSeries]] = {None: {}}
        self._outside = self._by_run[None]
        self._ways = 0
        """How many there are, in all of these."""

    def _new_series(self, stage: Stage, run_pipeline: str | None) -> StageSeries:
        if self._begun is not None:
            self._begun()
        pipeline = stage.pipeline or run_pipeline or self.default_pipeline
        with self._lock:
            if len(self._known) >= MAX_SERIES:
                # All of them are kept for once, since another thread may be about to open a call in any.
                self._earlier = frozenset((*(each for each in self._earlier if each.running), *self._known.values()))
                self._known = {}
                self._forget_ways()
            elif self._ways >= MAX_SERIES:
                self._forget_ways()
            series = self._known.setdefault((stage, pipeline), StageSeries(stage, pipeline))
            self._by_run.setdefault(run_pipeline, {})[stage] = series
            self._ways += 1
        return series

    def _open_spanless(self, series: StageSeries, context: Context, error: Exception) -> StageCall:
        """Open a call without a span of its own, since that could not be made."""
        # The user's code is about to run into the recursion limit itself; that is no fault of a span's.
        if not isinstance(error, RecursionError):
            self._starting.fault(error, "start span")
            if self._starting.off:
                self._open = self._beside.open
            elif self._light is not None:
                self._open = self._open_after_fault
        return self._beside.open_spanless(series, context)

    def _open_after_fault(self, series: StageSeries, context: Context, run_id: str | None) -> StageCall:
        """Open a call as ever, and end the row of faults if that goes well: so that no other call has to report success."""
        assert self._light is not None
        call = self._light.open(series, context, run_id)
        if not self._starting.off:
            # First, so that the row of a fault in another thread is ended here or by the call after it.
            self._open = self._light.open
            self._starting.success()
        return call

    def _notify_closed(self, call: StageCall) -> None:
        _tell(self._closed, "closed", call)

    def _settle_now(self, call: StageCall) -> None:
        self.settle((call,))

    def _in_child(self) -> None:
        """Adapt to a child process: in a forked one the calls that run are the parent's, and it may end at any moment."""
        for series in self.series():
            for call in series.running:
                call.abandon()
            series.running = set()
        # What the child calls is new to it; a thread that is not in it may hold the lock.
        self._lock = threading.RLock()
        self._start_over()
        self._beside.ended = self._ended_in_child
        if self._light is not None:
            self._light.ended = self._ended_in_child

    def _ended_in_child(self, call: StageCall) -> None:
        outermost = call.outermost  # not known any more once it is settled
        self._put(call)
        if outermost and children.must_seal():
            self.seal(children.SEAL_S)

    def _barrier(self, name: str, distribution: str | None) -> Barrier:
        barrier = self.barriers[name] = Barrier(name, distribution)
        return barrier


def _tell(observers: Sequence[_Told[T]], doing: str, what: T) -> None:
    """Show ``what`` to each observer that is not switched off, each behind its own barrier."""
    for notify, barrier in observers:
        if not barrier.off:
            try:
                notify(what)
            except Exception as fault:  # noqa: BLE001 - a stranger's observer may raise anything
                barrier.fault(fault, doing)
            else:
                barrier.success(doing)
