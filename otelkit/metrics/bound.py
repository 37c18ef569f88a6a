"""Metrics with handles: what a hot loop records, for every reader of the program's meter provider."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from opentelemetry.metrics import Meter, MeterProvider, get_meter_provider

from otelkit._guard import in_forked_child
from otelkit.metrics.bound_metric import BoundMetric, Counters, Gauges, Histograms
from otelkit.metrics.boundaries import DURATION_BOUNDARIES_S, VALUE_BOUNDARIES
from otelkit.metrics.handles import CounterHandle, GaugeHandle, HistogramHandle
from otelkit.metrics.label_sets import clean_labels
from otelkit.metrics.provider import process_provider, when_provider_changes

_log = logging.getLogger("otelkit.metrics")

MAX_METRICS: Final = 2000
"""Metrics of one scope; a name made up per item must not fill the memory."""

Attributes = Mapping[str, Any]  # Any: texts, numbers and flags are kept, other values by their text
M = TypeVar("M", bound=BoundMetric[Any, Any])  # Any: the kind of handle is the metric's own


def bound_metrics(scope: str = "otelkit.bound", provider: MeterProvider | None = None) -> BoundMetrics:
    """Return the metrics of one instrumentation scope; the same object for the same scope and provider.

    Args:
        scope: Name of the instrumentation scope; usually the module's.
        provider: Whose readers collect them; None: the process's, whenever it is set.
    """
    return _register.of(scope, None if provider is get_meter_provider() else provider)


def all_bound() -> tuple[BoundMetrics, ...]:
    """Return the bound metrics of all scopes and providers of this process."""
    return _register.all()


class BoundMetrics:
    """Makes handles. Thread-safe, fork-safe, and nothing here raises into the program; see `bound_metrics`.

    The same name and attributes give the same handle, so that a handle may be asked for anywhere and kept. A metric has at
    most 2,000 series; what is beyond shares one (``otel.metric.overflow``). A metric that can't be made (OpenTelemetry does
    not allow its name, or the name is taken by another kind) is named in one warning, and its handles lead nowhere.
    """

    def __init__(self, scope: str, provider: MeterProvider | None) -> None:
        self.scope = scope
        self._provider = provider
        self._metrics: dict[str, BoundMetric[Any, Any]] = {}  # Any: of all kinds
        self._nowhere: dict[tuple[str, type, Any], BoundMetric[Any, Any]] = {}
        self._start_over()
        in_forked_child(self._start_over)
        if provider is None:
            when_provider_changes(self._rebind)

    def counter(
        self, name: str, attributes: Attributes | None = None, *, unit: str = "", meaning: str = ""
    ) -> CounterHandle:
        """Return a handle on a sum that only grows."""
        return self._metric(Counters, name, unit, meaning, True).handle(clean_labels(attributes))

    def up_down_counter(
        self, name: str, attributes: Attributes | None = None, *, unit: str = "", meaning: str = ""
    ) -> CounterHandle:
        """Return a handle on a sum that grows and shrinks."""
        return self._metric(Counters, name, unit, meaning, False).handle(clean_labels(attributes))

    def gauge(
        self, name: str, attributes: Attributes | None = None, *, unit: str = "", meaning: str = ""
    ) -> GaugeHandle:
        """Return a handle on a present value."""
        return self._metric(Gauges, name, unit, meaning, None).handle(clean_labels(attributes))

    def histogram(
        self,
        name: str,
        attributes: Attributes | None = None,
        *,
        unit: str = "",
        meaning: str = "",
        boundaries: Sequence[float] = (),
    ) -> HistogramHandle:
        """Return a handle on the distribution of many values.

        Args:
            name: Of the metric.
            attributes: Of the series.
            unit: In UCUM notation.
            meaning: One sentence.
            boundaries: Upper bounds of the buckets, ascending; empty: 0.1 ms to an hour if the unit is ``s``, else
                OpenTelemetry's default.
        """
        bounds = tuple(boundaries) or (DURATION_BOUNDARIES_S if unit == "s" else VALUE_BOUNDARIES)
        return self._metric(Histograms, name, unit, meaning, bounds).handle(clean_labels(attributes))

    @property
    def metrics(self) -> tuple[BoundMetric[Any, Any], ...]:
        """What there is so far."""
        return tuple(self._metrics.values())

    # -- inside ----------------------------------------------------------------------------------------------------

    def _metric(self, kind: type[M], name: str, unit: str, meaning: str, detail: Any) -> M:
        with self._lock:
            known = self._metrics.get(name.lower()) or self._nowhere.get((name, kind, detail))
            if isinstance(known, kind) and (kind is Histograms or known.detail == detail):
                return known
            made = kind(name, unit, meaning, detail)
            made.owner = self
            try:
                if known is not None:
                    raise ValueError(f"the name is taken by {known.what}")
                if len(self._metrics) >= MAX_METRICS:
                    raise ValueError(f"there are {MAX_METRICS} metrics already; put what varies into attributes")
                made.bind(self._meter())
            except Exception as error:  # noqa: BLE001 - the SDK raises bare `Exception` for a bad name or unit
                _log.warning("the metric %r can't be recorded: %s", name, error)
                if len(self._nowhere) < MAX_METRICS:
                    self._nowhere[name, kind, detail] = made
            else:
                self._metrics[name.lower()] = made
            return made

    def _meter(self) -> Meter:
        provider = process_provider() if self._provider is None else self._provider
        return provider.get_meter(self.scope)

    def _rebind(self) -> None:
        with self._lock:
            for metric in self._metrics.values():
                metric.bind(self._meter())

    def _start_over(self) -> None:
        self._lock = threading.RLock()
        for metric in self._metrics.values():
            metric.start_over()


class _Register:
    """All there are. Those of a provider live as long as it does: its instruments refer to them."""

    def __init__(self) -> None:
        self._process_wide: dict[str, BoundMetrics] = {}
        self._by_provider: weakref.WeakValueDictionary[tuple[int, str], BoundMetrics] = weakref.WeakValueDictionary()
        self._start_over()
        in_forked_child(self._start_over)

    def _start_over(self) -> None:
        self._lock = threading.RLock()

    def of(self, scope: str, provider: MeterProvider | None) -> BoundMetrics:
        """Return those of a scope and a provider, made if need be."""
        with self._lock:
            if provider is None:
                known = self._process_wide.get(scope)
                if known is None:
                    known = self._process_wide[scope] = BoundMetrics(scope, None)
                return known
            key = (id(provider), scope)
            known = self._by_provider.get(key)
            if known is None:
                known = self._by_provider[key] = BoundMetrics(scope, provider)
            return known

    def all(self) -> tuple[BoundMetrics, ...]:
        """Return all of them."""
        with self._lock:
            return (*self._process_wide.values(), *self._by_provider.values())


_register: Final = _Register()
