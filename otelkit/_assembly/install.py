"""Blueprint → effects: the only place that sets ``_current`` and OpenTelemetry's globals."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

from opentelemetry import trace
from opentelemetry.metrics import CallbackOptions, Meter, NoOpMeter, Observation
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.trace import NoOpTracer

from otelkit import _current, names
from otelkit._assembly.config_file import ConfigFile, read_config_file
from otelkit._assembly.config_file_sampler import apply_with_sampler
from otelkit._assembly.ending import Ending
from otelkit._assembly.environment import is_disabled
from otelkit._assembly.log_path import LogPath
from otelkit._assembly.metric_path import SCOPE, MetricPath
from otelkit._assembly.outlet import Outlet, SignalPath
from otelkit._assembly.plan import Plan, plan
from otelkit._assembly.resource import build_resource, child_attributes
from otelkit._assembly.run_end import RunEnd
from otelkit._assembly.sampling_figures import bind_sampling_figures, figure_sources
from otelkit._assembly.sdk_private import take_processors
from otelkit._assembly.starting import set_aside
from otelkit._assembly.trace_path import TracePath
from otelkit._guard import Barrier, in_forked_child
from otelkit._version import __version__
from otelkit.ledger.ledger import Ledger
from otelkit.logs.heartbeat_events import HeartbeatEvents
from otelkit.metrics.instruments import build_instruments
from otelkit.metrics.red import RedObserver
from otelkit.model.blueprint import Blueprint
from otelkit.plugin.loading import FindEntryPoints
from otelkit.settings import Settings
from otelkit.spans.chain import Chain
from otelkit.spans.outbox import Outbox
from otelkit.spans.stage_spans import SdkStageSpans
from otelkit.stages import children, subprocesses, workers
from otelkit.stages.heartbeats import Heartbeats
from otelkit.stages.patching import Patcher
from otelkit.stages.run import set_process_run
from otelkit.stages.runtime import Runtime

_log = logging.getLogger("otelkit.install")

_RUN_ID: Final = "OTEL_PYTHON_OTELKIT_RUN_ID"
_TREE: Final = "OTELKIT_PROCESS_TREE"
"""Names the run, and the process that began it, to processes that are started by an instrumented one."""

_SETTLE_S: Final = 5.0
"""Longest time a collection of metrics waits until what has ended is counted."""

_installation: Installation | None = None


def installation() -> Installation | None:
    """Return what is installed in this process, if anything."""
    return _installation


def install_from_environment(
    auto_version: str | None = None, find_entry_points: FindEntryPoints = entry_points
) -> Installation | None:
    """Plan from the environment and the settings file, and install; None if it is switched off.

    Every mistake is logged, all at once; what is wrong is left out, the rest is installed.

    Args:
        auto_version: The version of ``opentelemetry-instrument``, if it started us.
        find_entry_points: Finds plugins; ``opentelemetry-instrument`` has read all entry points a moment before.
    """
    if is_disabled(os.environ):
        return None
    config_file = read_config_file(os.environ)
    planned = plan(file=config_file.settings if config_file else None, find_entry_points=find_entry_points)
    installed = install(planned, auto_version=auto_version, config_file=config_file)
    set_aside()
    return installed


def install(
    planned: Plan,
    *,
    auto_version: str | None = None,
    config_file: ConfigFile | None = None,
) -> Installation | None:
    """Install a plan in this process; None if it is switched off.

    Args:
        planned: Settings and plugins, folded.
        auto_version: The version of ``opentelemetry-instrument``, if it started us.
        config_file: A declarative configuration whose providers are to be used.
    """
    global _installation
    settings: Settings = planned.blueprint.settings
    for finding in planned.blueprint.findings:
        # Plugins that were left out have been named when it happened.
        if finding.id != "plugin.left_out":
            _log.error("%s", finding.what)
    if not settings.flag("enabled") or is_disabled(os.environ) or (config_file is not None and config_file.disabled):
        return None
    _installation = Installation(planned, auto_version, config_file)
    planned.plugins.tell_installed(planned.blueprint)
    return _installation


class Installation:
    """What is installed in this process, and how it is flushed and ended."""

    def __init__(self, planned: Plan, auto_version: str | None, config_file: ConfigFile | None) -> None:
        self.blueprint = planned.blueprint
        self.settings: Settings = planned.blueprint.settings
        self.ledger = Ledger()
        self._limit_s = self.settings.number("exit_limit_s")
        self._store_dir = _from_here(self.settings.text("store_dir"))
        self._account_file = (
            _from_here(self.settings.text("account_file")) if self.settings.text("account_file") else None
        )
        self._finished = False
        self._is_child = False
        run_id = self.settings.text("run_id") or uuid.uuid4().hex
        self._inherited = _joins_tree(run_id)
        """A process of the same tree was here before us, and says what there is to say."""
        # Child processes belong to the same run.
        os.environ[_RUN_ID] = run_id
        set_process_run(run_id, self.settings.text("run_name") or None)

        self._outlet = outlet = Outlet.open(os.environ, self.settings, self.ledger, silent=self._inherited)
        resource = build_resource(run_id, auto_version)
        taken_over = _apply(config_file, self.blueprint)
        self._traces = (
            TracePath(self.blueprint, outlet, resource, taken_over) if self.settings.flag("enable_tracing") else None
        )
        service_name = str(resource.attributes[names.SERVICE_NAME])
        self._run_id, self._run_name = run_id, self.settings.text("run_name") or service_name
        self._logs = LogPath(outlet, resource, service_name)
        self._outbox = self._traces.outbox if self._traces is not None else _counting_only(self.ledger)
        self._runtime = self._build_runtime(service_name)
        self._heartbeats = self._build_heartbeats()
        self._outbox.look = self._look
        self._run_end = RunEnd()
        self._metrics: MetricPath | None = None
        if self.settings.flag("enable_metrics"):
            self._metrics = MetricPath(outlet, resource, self._bind, serve=not self._inherited, red=self._red())
        else:
            self._bind(NoOpMeter(SCOPE))
        self._install_stages()
        in_forked_child(self._in_child)
        # After that: what is sealed is that of the child's own exporters.
        children.in_child(self._seal_from_now)
        children.before_one_starts(self._stand_for_child)
        children.when_one_starts(self._expect_child)
        self._ending = Ending(self.finish)
        self._ending.install()

    # -- putting it together ---------------------------------------------------------------------------------------

    def _bind(self, meter: Meter) -> None:
        """Give our observers their instruments: now, and again in a forked child."""
        # First: what has ended is counted before anything else is read for a collection.
        meter.create_observable_counter(
            names.METRIC_LOST, [self._observe_lost], "{item}", names.meaning_of(names.METRIC_LOST)
        )
        instruments = build_instruments({name: offer.value for name, offer in self.blueprint.metrics.items()}, meter)
        for offer in self.blueprint.observers:
            try:
                offer.value.bind(meter, instruments)
            except Exception as error:  # noqa: BLE001 - a stranger's observer may raise anything
                Barrier(offer.value.name, offer.distribution).fault(error, "bind")
        self._run_end.bind(meter)
        if self._traces is not None:
            bind_sampling_figures(meter, figure_sources(self._traces.sampler))
        meter.create_observable_counter(
            names.METRIC_STEP_FAULTS, [self._observe_faults], "{fault}", names.meaning_of(names.METRIC_STEP_FAULTS)
        )

    def _observe_lost(self, options: CallbackOptions) -> Iterable[Observation]:
        if self._metrics is not None:
            self._metrics.collection_begins()
        self._outbox.settle_all(_SETTLE_S)
        return self.ledger.observe_lost(options)

    def _observe_faults(self, options: CallbackOptions) -> Iterator[Observation]:
        for name, barrier in self.barriers.items():
            if barrier.faults:
                yield Observation(barrier.faults, {names.STEP: name})

    @property
    def barriers(self) -> Mapping[str, Barrier]:
        """The fault barrier of each part that is guarded, by its name: steps, observers, describers."""
        steps = self._traces.chain.barriers if self._traces else {}
        heartbeats = {"heartbeats": self._heartbeats.barrier} if self._heartbeats else {}
        return {**self._runtime.barriers, **steps, **heartbeats}

    def _build_runtime(self, service_name: str) -> Runtime:
        runtime = Runtime(
            spans=SdkStageSpans(self._traces.tracer if self._traces else NoOpTracer()),
            observers=self.blueprint.observers,
            describers=self.blueprint.describers,
            default_pipeline=self.settings.text("pipeline") or service_name,
            describe_arguments=self.settings.flag("describe_arguments"),
            flush=self.flush,
            seal=self.seal,
            ended=self._outbox.ended,
            # So that a call is looked at while none has ended yet.
            begun=self._outbox.wake if self._beats else None,
        )
        self._outbox.settle = runtime.settle
        light = self._traces.light_spans() if self._traces is not None else None
        if light is not None:
            runtime.use(light)
        return runtime

    def _red(self) -> RedObserver | None:
        observers = (offer.value for offer in self.blueprint.observers)
        return next((observer for observer in observers if isinstance(observer, RedObserver)), None)

    @property
    def _beats(self) -> bool:
        """Whether long calls give heartbeats, and somebody gets them."""
        return self.settings.number("heartbeat_s") > 0 and self._logs.exports

    def _build_heartbeats(self) -> Heartbeats | None:
        if not self._beats:
            return None
        events = HeartbeatEvents(self._logs.provider, (SCOPE, __version__))
        return Heartbeats(self.settings.number("heartbeat_s"), self._runtime.series, events.tell)

    def _look(self) -> None:
        # Not once the end has come: log records are taken no longer then, and would count as lost.
        if self._finished:
            return
        if self._heartbeats is not None:
            self._heartbeats.look()
        if self._metrics is not None:
            self._metrics.catch_up()

    def _install_stages(self) -> None:
        _current.runtime = self._runtime
        self._patcher = Patcher(self.blueprint.targets)
        self._patcher.install()
        workers.install()
        subprocesses.take_up(os.environ)

    # -- while it runs, and its end --------------------------------------------------------------------------------

    def flush(self, timeout_s: float) -> bool:
        """Send what is pending on all signals; False if that failed or took too long. Never raises."""
        deadline = time.monotonic() + timeout_s
        if self._outlet.left is not None:
            self._outlet.left.look(at_once=True)
        # Spans first: they are what is looked at. Metrics last: they count what was lost.
        results = [path.flush(max(0.0, deadline - time.monotonic())) for path in self._paths()]
        return all(results)

    def seal(self, timeout_s: float) -> bool:
        """Make what is pending safe against this process's own sudden end; False if that failed or took too long. Never raises.

        It is sealed, or, where that can't be, sent.
        """
        deadline = time.monotonic() + timeout_s
        results = [path.seal(max(0.0, deadline - time.monotonic())) for path in self._paths()]
        return all(results)

    def finish(self) -> None:
        """End it: send or spool what is pending within the exit limit, and say what was lost. Repeated calls do nothing."""
        if self._finished:
            return
        self._finished = True
        deadline = time.monotonic() + self._limit_s
        # A worker, or a helper process of the program's own, ends before its run does.
        if not (self._is_child or self._inherited):
            self._run_end.tell()
        if self._outlet.left is not None:
            self._outlet.left.end()
        # All first: each is then ready to leave the network when the time of another is used up.
        for path in self._paths():
            path.exit_by(deadline)
        for path in self._paths():
            path.close(max(0.0, deadline - time.monotonic()))
        self._note_losses()
        self._write_account()
        if not self._is_child:
            self._say_at_exit()

    def _paths(self) -> Iterator[SignalPath]:
        for path in (self._traces, self._logs, self._metrics):
            if path is not None:
                yield path

    def _note_losses(self) -> None:
        losses = self.ledger.losses(final=True)
        if losses:
            # Here: as a rule nothing is lost.
            from otelkit.health.loss_notes import note_losses

            note_losses(self._store_dir, losses, run_id=self._run_id, run_name=self._run_name)

    def _write_account(self) -> None:
        if self._account_file is not None:
            # Here: few ask for it.
            from otelkit.ledger.account_file import append_account

            try:
                append_account(self._account_file, self.ledger, run_id=self._run_id)
            except OSError as error:
                _log.warning("the account of telemetry cannot be written (account_file): %s", error)

    def _say_at_exit(self) -> None:
        lines = [f"otelkit: {line}" for line in self._misfits()]
        report = self.ledger.report(final=True)
        for line in [*lines, report] if report else lines:
            if sys.stderr is not None:
                # stderr may be closed; the host's exit is not ours to fail.
                with contextlib.suppress(OSError, ValueError):
                    sys.stderr.write(f"{line}\n")

    def _misfits(self) -> Iterable[str]:
        # Helper processes of the program's own (spawned workers, trackers) import what they need, not what it needs.
        unmatched = [] if self._inherited else self._patcher.unmatched()
        if not unmatched:
            return ()
        # Here: as a rule all match.
        from otelkit.health.targets import say_unmatched

        try:
            return list(say_unmatched(unmatched, self._patcher.imported))
        except Exception as error:  # noqa: BLE001 - looks at whatever lies around; the host's exit is not ours to fail
            Barrier("stage targets").fault(error, "look for what matched nothing")
            return (f"no function was found for the stage targets {', '.join(each.text for each in unmatched)}",)

    # -- children --------------------------------------------------------------------------------------------------

    def _seal_from_now(self) -> None:
        if self._outlet.heir is not None and self._outlet.left is not None:
            self._outlet.heir.is_child()
            self._outlet.left.is_child()
        for path in self._paths():
            path.seal_from_now()

    def _stand_for_child(self) -> None:
        # Before the fork: of what is done after it the child knows nothing.
        if self._outlet.heir is not None:
            self._outlet.heir.stand()

    def _expect_child(self) -> None:
        if self._outlet.heir is not None and self._outlet.left is not None and self._outlet.heir.stand():
            self._outlet.left.expect()

    def _in_child(self) -> None:
        """Adapt to a forked child; runs after everything that is older has made its own locks anew."""
        self._is_child = True
        self._finished = False
        self._ending.in_child()
        attributes = child_attributes()
        for path in self._paths():
            path.in_child(attributes)


def _joins_tree(run_id: str) -> bool:
    """Return whether another process has begun the run; if none has, mark this one as the first."""
    begun, _, process = os.environ.get(_TREE, "").rpartition(" ")
    # One that replaces itself by another program (`opentelemetry-instrument` does, once instrumented) stays the first.
    if begun == run_id and process != str(os.getpid()):
        return True
    os.environ[_TREE] = f"{run_id} {os.getpid()}"
    return False


def _counting_only(ledger: Ledger) -> Outbox:
    """Return an outbox for calls that have no spans."""
    return Outbox(Chain((), lambda spans: None), ledger, limit=262_144, batch=512, delay_s=1.0, help_at=8192)


def _apply(config_file: ConfigFile | None, blueprint: Blueprint) -> tuple[SpanProcessor, ...]:
    """Set the providers that a configuration file describes; return its span processors, for our chain to stand before."""
    if config_file is None or not apply_with_sampler(config_file, blueprint.samplers, os.environ, blueprint.settings):
        return ()
    provider = trace.get_tracer_provider()
    return take_processors(provider) if isinstance(provider, TracerProvider) else ()


def _from_here(path: str) -> Path:
    """Return a path from the working folder of now: the program may go to another one."""
    try:
        return Path(path).absolute()
    except OSError:  # the working folder is gone
        return Path(path)
