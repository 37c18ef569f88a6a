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
    A scope has at most 2,000 metrics; those beyond lead nowhere too, which one warning says and ``refused`` counts.
    """

    def __init__(self, scope: str, provider: MeterProvider | None) -> None:
        self.scope = scope
        self.refused = 0
        """How often a metric beyond the limit was asked for."""
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

    # Any: whatever a program passes.
    def _metric(self, kind: type[M], name: Any, unit: str, meaning: str, detail: Any) -> M:
        with self._lock:
            key = _key_of(name)
            taken = self._metrics.get(key)
            for known in (taken, self._nowhere.get((key, kind, detail))):
                if isinstance(known, kind) and (kind is Histograms or known.detail == detail):
                    return known
            made = kind(name, unit, meaning, detail)
            made.owner = self
            if taken is None and len(self._metrics) >= MAX_METRICS:
                self._refuse(key)
                return made
            try:
                if not isinstance(name, str):
                    raise TypeError("a name is a text")
                if taken is not None:
                    raise ValueError(f"the name is taken by {taken.what}")
                made.bind(self._meter())
            except Exception as error:  # noqa: BLE001 - the SDK raises bare `Exception` for a bad name or unit
                if len(self._nowhere) >= MAX_METRICS:
                    self._refuse(key)
                    return made
                _log.warning("the metric %r can't be recorded: %s", name if isinstance(name, str) else key, error)
                self._nowhere[key, kind, detail] = made
            else:
                self._metrics[key] = made
            return made

    def _refuse(self, key: str) -> None:
        if not self.refused:
            _log.warning(
                "the metric %r can't be recorded, and others of %r neither: there are %d already; "
                "put what varies into attributes",
                key, self.scope, MAX_METRICS,
            )  # fmt: skip
        self.refused += 1

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


def _key_of(name: object) -> str:
    """Return what a metric is looked up by. What is no text goes by its type: it may be neither hashable nor printable."""
    return name.lower() if isinstance(name, str) else f"<{type(name).__name__}>"


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
