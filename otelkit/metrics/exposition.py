"""Metrics as text for Prometheus: the classic format 0.0.4, and OpenMetrics 1.0 with exemplars.

Everything of a line but its number is made once and kept.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from otelkit.metrics.prometheus_names import escaped, family_name, labels_text, unit_name

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import HistogramDataPoint, Metric, MetricsData
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    from otelkit.metrics.bound_metric import BoundMetric

_log = logging.getLogger("otelkit.metrics")

CLASSIC: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_EXEMPLAR_ROOM: Final = 128
"""Characters that OpenMetrics allows in an exemplar's labels."""
_INF: Final = math.inf

Labels = Mapping[str, Any] | None  # Any: as the SDK types attributes


@dataclass(slots=True)
class _Family:
    """All series of one name."""

    kind: str
    meaning: str
    unit: str
    lines: list[str] = field(default_factory=list)


class _Prefixes:
    """What stands before the number, by the identity of the attributes: the SDK and handles keep theirs with the series."""

    __slots__ = ("_kept", "by_id", "make")

    def __init__(self, make: Callable[[Labels], Any]) -> None:
        self.make = make
        self.by_id: dict[int, Any] = {}
        # So that no other object can get the identity.
        self._kept: list[Labels] = []

    def know(self, attributes: Sequence[Labels]) -> None:
        """Make what is missing for ``attributes``; others are forgotten when there are too many."""
        if len(self.by_id) > 2 * len(attributes) + 100:
            self.by_id.clear()
            self._kept.clear()
        for each in attributes:
            if id(each) not in self.by_id:
                self.by_id[id(each)] = self.make(each)
                self._kept.append(each)


class Exposition:
    """Renders metrics. Not thread-safe by itself."""

    def __init__(self) -> None:
        self._prefixes: dict[tuple[str, str, str], _Prefixes] = {}
        self._target = ""
        self._resource: Resource | None = None
        self._complained: set[str] = set()

    def render(
        self,
        data: MetricsData | None,
        direct: Iterable[tuple[str, BoundMetric[Any, Any]]] = (),
        *,
        openmetrics: bool = False,
    ) -> str:
        """Return all metrics as text.

        Args:
            data: What the SDK collected, cumulative.
            direct: Metrics with handles that are not in ``data``, each with the name of its instrumentation scope.
            openmetrics: The newer format, with exemplars.
        """
        families: dict[str, _Family] = {}
        for resource in data.resource_metrics if data is not None else ():
            self._resource = resource.resource
            for scope in resource.scope_metrics:
                scope_labels = _scope_labels(scope.scope)
                for metric in scope.metrics:
                    self._metric(families, metric, scope_labels, openmetrics)
        for scope_name, bound in direct:
            self._bound(families, bound, labels_text({"otel_scope_name": scope_name}))
        lines = self._target_lines(openmetrics)
        for name, family in families.items():
            lines += _head(name, family, openmetrics)
            lines += family.lines
        lines.append("# EOF\n" if openmetrics else "")
        return "\n".join(lines)

    # -- families ----------------------------------------------------------------------------------------------------

    def _family(
        self, families: dict[str, _Family], name: str, kind: str, unit: str, meaning: str
    ) -> tuple[str, _Family] | None:
        full = family_name(name, unit, kind)
        family = families.get(full)
        if family is None:
            family = families[full] = _Family(kind, meaning, unit_name(unit, kind))
        elif family.kind != kind:
            if name not in self._complained:
                self._complained.add(name)
                _log.warning(
                    "the metric %r is not served: another is a %s by the same name %s", name, family.kind, full
                )
            return None
        return full, family

    def _metric(self, families: dict[str, _Family], metric: Metric, scope_labels: str, openmetrics: bool) -> None:
        data: Any = metric.data  # Any: the SDK's four kinds have no common type
        points = data.data_points
        if hasattr(data, "is_monotonic"):
            kind = "counter" if data.is_monotonic else "gauge"
        else:
            kind = "histogram" if points and hasattr(points[0], "count") else "gauge"
        found = self._family(families, metric.name, kind, metric.unit or "", metric.description or "")
        if found is None:
            return
        name, family = found
        if kind == "histogram":
            self._histogram(family, name, points, scope_labels, openmetrics)
            return
        attributes = [point.attributes for point in points]
        self._numbers(family, name, attributes, [point.value for point in points], scope_labels)
        if openmetrics and kind == "counter":
            first = len(family.lines) - len(points)
            for number, point in enumerate(points, first):
                if point.exemplars:
                    family.lines[number] += _exemplar(point.exemplars[-1])

    def _bound(self, families: dict[str, _Family], bound: BoundMetric[Any, Any], scope_labels: str) -> None:
        kind = "counter" if bound.detail else "gauge"
        found = self._family(families, bound.name, kind, bound.unit, bound.meaning)
        if found is not None:
            handles = bound.handles
            values = [handle.read() for handle in handles]
            if None in values:
                handles = [handle for handle, value in zip(handles, values, strict=True) if value is not None]
                values = [value for value in values if value is not None]
            self._numbers(found[1], found[0], [handle.attributes for handle in handles], values, scope_labels)

    # -- lines -------------------------------------------------------------------------------------------------------

    def _numbers(
        self, family: _Family, name: str, attributes: Sequence[Labels], values: Sequence[float], scope_labels: str
    ) -> None:
        sample = f"{name}_total" if family.kind == "counter" else name
        prefixes = self._prefixes_of(
            (sample, scope_labels, "number"), lambda labels: f"{sample}{_braces(labels, scope_labels)} "
        )
        prefixes.know(attributes)
        known = prefixes.by_id
        if all(map(math.isfinite, values)):
            # The sign makes a number of a flag.
            family.lines += [f"{known[id(each)]}{+value}" for each, value in zip(attributes, values, strict=True)]
        else:
            family.lines += [
                f"{known[id(each)]}{_number(value)}" for each, value in zip(attributes, values, strict=True)
            ]

    def _histogram(
        self, family: _Family, name: str, points: Sequence[HistogramDataPoint], scope_labels: str, openmetrics: bool
    ) -> None:
        lines = family.lines
        attributes = [point.attributes for point in points]
        for point in points:
            # Exponential ones have no bounds of their own that text could show: they have the one bucket of all values.
            bounds: tuple[float, ...] = tuple(getattr(point, "explicit_bounds", ()))
            prefixes = self._prefixes_of(
                (name, scope_labels, f"{len(bounds)} {bounds[:1]} {bounds[-1:]}"),
                partial(_bucket_prefixes, name, scope_labels, bounds),
            )
            if id(point.attributes) not in prefixes.by_id:
                prefixes.know(attributes)
            buckets, total_prefix, count_prefix = prefixes.by_id[id(point.attributes)]
            first, below = len(lines), 0
            for prefix, count in zip(buckets, point.bucket_counts if bounds else (point.count,), strict=True):
                below += count
                lines.append(f"{prefix}{below}")
            if openmetrics:
                for exemplar in point.exemplars or ():
                    number = first + next((n for n, bound in enumerate(bounds) if exemplar.value <= bound), len(bounds))
                    if " # {" not in lines[number]:
                        lines[number] += _exemplar(exemplar)
            lines.append(f"{total_prefix}{_number(point.sum)}")
            lines.append(f"{count_prefix}{point.count}")

    def _prefixes_of(self, key: tuple[str, str, str], make: Callable[[Labels], Any]) -> _Prefixes:
        prefixes = self._prefixes.get(key)
        if prefixes is None:
            prefixes = self._prefixes[key] = _Prefixes(make)
        return prefixes

    def _target_lines(self, openmetrics: bool) -> list[str]:
        if self._resource is None:
            return []
        sample = f"target_info{_braces(self._resource.attributes, '')} 1"
        family = _Family("info" if openmetrics else "gauge", "What these metrics are from.", "")
        return [*_head("target" if openmetrics else "target_info", family, openmetrics), sample]


def _head(name: str, family: _Family, openmetrics: bool) -> list[str]:
    if not openmetrics and family.kind == "counter":
        name = f"{name}_total"
    lines = [f"# TYPE {name} {family.kind}"]
    if openmetrics and family.unit and name.endswith(f"_{family.unit}"):
        lines.append(f"# UNIT {name} {family.unit}")
    if family.meaning:
        meaning = escaped(family.meaning) if openmetrics else family.meaning.replace("\\", "\\\\").replace("\n", "\\n")
        lines.append(f"# HELP {name} {meaning}")
    return lines


def _braces(attributes: Labels, scope_labels: str, more: str = "") -> str:
    inside = ",".join(filter(None, (labels_text(attributes or {}), scope_labels, more)))
    return f"{{{inside}}}" if inside else ""


def _bucket_prefixes(
    name: str, scope_labels: str, bounds: Sequence[float], attributes: Labels
) -> tuple[list[str], str, str]:
    texts = [*(_number(float(bound)) for bound in bounds), "+Inf"]
    buckets = [name + "_bucket" + _braces(attributes, scope_labels, f'le="{text}"') + " " for text in texts]
    braces = _braces(attributes, scope_labels)
    return buckets, f"{name}_sum{braces} ", f"{name}_count{braces} "


def _scope_labels(scope: InstrumentationScope) -> str:
    labels: dict[str, object] = {f"otel_scope_{key}": value for key, value in (scope.attributes or {}).items()}
    labels |= {"otel_scope_name": scope.name, "otel_scope_version": scope.version or ""}
    if scope.schema_url:
        labels["otel_scope_schema_url"] = scope.schema_url
    return labels_text({key: value for key, value in labels.items() if value != ""})


def _exemplar(exemplar: Any) -> str:  # Any: the SDK's Exemplar, which it does not export under a public name
    ids = {"trace_id": f"{exemplar.trace_id:032x}", "span_id": f"{exemplar.span_id:016x}"} if exemplar.trace_id else {}
    for labels in ({**(exemplar.filtered_attributes or {}), **ids}, ids):
        text = labels_text(labels)
        if len(text) <= _EXEMPLAR_ROOM:
            break
    return f" # {{{text}}} {_number(exemplar.value)} {exemplar.time_unix_nano / 1e9:.3f}"


def _number(value: float) -> str:
    if -_INF < value < _INF:
        return f"{+value}"
    return "NaN" if value != value else "+Inf" if value > 0 else "-Inf"
