"""Record how often a function is called, how long it takes and how it fails, by a decorator."""

from __future__ import annotations

import functools
import inspect
import os
import threading
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast, overload

from otelkit import names
from otelkit.metrics.collector import MetricsCollector
from otelkit.metrics.group import Labels
from otelkit.model.calls import Outcome, outcome_of

P = ParamSpec("P")
R = TypeVar("R")

_default: MetricsCollector | None = None
_default_lock = threading.Lock()


def default_collector() -> MetricsCollector:
    """Return the collector that decorators record into unless they are given another: one per process."""
    global _default
    if _default is None:
        with _default_lock:
            if _default is None:
                _default = MetricsCollector()
    return _default


def _in_child() -> None:
    global _default_lock
    _default_lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


def instrument_performance(
    metric: str, *, collector: MetricsCollector | None = None, labels: Labels | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Record every call of a plain or ``async`` function as ``<metric>_duration`` (histogram, s) and ``<metric>_calls_total``.

    Labels: ``function`` (qualified name), ``success``, and on failure ``error_type`` (qualified name of the exception). A call
    that was told to stop (cancelled, interrupted, left with exit code 0) is not successful and has no ``error_type``.
    Return values and exceptions pass unchanged.

    Args:
        metric: First part of the metrics' names.
        collector: Where to record, in its group ``performance``; None: `default_collector`.
        labels: Put on every call; few different values.

    Raises:
        TypeError: While decorating: it is a generator function; ``otelkit.stage`` measures those.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(
                f"{function.__qualname__} is a generator function; expected a function or coroutine function. "
                "Use otelkit.stage, which measures a generator from its first value to its end."
            )
        call = _Call(metric, getattr(function, "__qualname__", repr(function)), collector, labels)
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def wrapper(*args: P.args, **kwargs: P.kwargs) -> Any:  # Any: what the coroutine returns
                started_ns = time.perf_counter_ns()
                try:
                    result = await function(*args, **kwargs)
                except BaseException as error:
                    call.record(started_ns, error)
                    raise
                call.record(started_ns, None)
                return result

            return cast("Callable[P, R]", wrapper)  # R is the coroutine that the wrapper returns as well

        @functools.wraps(function)
        def plain_wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            started_ns = time.perf_counter_ns()
            try:
                result = function(*args, **kwargs)
            except BaseException as error:
                call.record(started_ns, error)
                raise
            call.record(started_ns, None)
            return result

        return plain_wrapper

    return decorate


@overload
def track_analysis(kind: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def track_analysis(
    kind: str, /, *, collector: MetricsCollector | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def track_analysis(kind: Any, /, *, collector: MetricsCollector | None = None) -> Any:  # Any: see the overloads
    """Record every call of an analysis as ``analysis_duration`` and ``analysis_calls_total`` with the label ``analysis``.

    Args:
        kind: Which analysis; used bare, the function's name.
        collector: As for `instrument_performance`.
    """
    return _track("analysis", names.LABEL_ANALYSIS, kind, collector)


@overload
def track_training(model: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def track_training(
    model: str, /, *, collector: MetricsCollector | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def track_training(model: Any, /, *, collector: MetricsCollector | None = None) -> Any:  # Any: see the overloads
    """Record every call of a training as ``training_duration`` and ``training_calls_total`` with the label ``model``.

    Args:
        model: Which model; used bare, the function's name.
        collector: As for `instrument_performance`.
    """
    return _track("training", names.LABEL_MODEL, model, collector)


def _track(metric: str, label: str, what: Any, collector: MetricsCollector | None) -> Any:
    # Any: a name or, used bare, the function itself; the overloads above say so to a type checker.
    if callable(what):
        return instrument_performance(metric, collector=collector, labels={label: what.__name__})(what)
    return instrument_performance(metric, collector=collector, labels={label: what})


class _Call:
    """What all calls of one function share."""

    def __init__(self, metric: str, function: str, collector: MetricsCollector | None, labels: Labels | None) -> None:
        self._duration = f"{metric}_duration"
        self._total = f"{metric}_calls_total"
        self._collector = collector
        self._labels = {**(labels or {}), names.LABEL_FUNCTION: function}

    def record(self, started_ns: int, error: BaseException | None) -> None:
        duration_s = (time.perf_counter_ns() - started_ns) / 1e9
        labels = {**self._labels, names.LABEL_SUCCESS: error is None}
        if error is not None and outcome_of(error) is Outcome.ERROR:
            labels[names.LABEL_ERROR_TYPE] = type(error).__qualname__
        group = (self._collector or default_collector()).performance
        group.record_histogram(self._duration, duration_s, labels, unit="s")
        group.record_counter(self._total, 1, labels, unit="{call}")
