"""Private names of the OpenTelemetry SDK's metrics: adding many values to a histogram at once, and what a reader reads.

The public API takes one value at a time, for 5 to 10 µs each. Nothing else in ``otelkit.metrics`` touches private names.
``tests/metrics/test_sdk_private.py`` fails when one of them changes; where they do not fit, each value goes through the public
API instead, with the same result.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.context import Context
from opentelemetry.metrics import Histogram
from opentelemetry.trace import INVALID_SPAN, set_span_in_context

from otelkit import names
from otelkit.metrics.distribution import Distribution
from otelkit.model.calls import AttributeValue

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricReader

_log = logging.getLogger("otelkit.metrics")

NOBODY: Final = set_span_in_context(INVALID_SPAN, Context())
"""A context without a span that the SDK does not take for "none given": what is current while it collects is no exemplar."""
_PARTS: Final = ("_lock", "_attributes", "_value", "_sum", "_min", "_max", "_boundaries", "_record_min_max")

_Place = Any  # the SDK's _ViewInstrumentMatch: what one reader keeps of an instrument under one view
_Aggregation = Any  # the SDK's _ExplicitBucketHistogramAggregation: one series of it


class SeriesKeys:
    """Under which keys the SDK keeps one attribute set, by place."""

    __slots__ = ("_by_place", "attributes")

    def __init__(self, attributes: Mapping[str, AttributeValue]) -> None:
        self.attributes = attributes
        self._by_place: dict[_Place, Any] = {}

    def known(self, place: _Place) -> _Aggregation | None:
        """Return the series' aggregation there; None if there is none yet, or none any more."""
        key = self._by_place.get(place)
        return None if key is None else place._attributes_aggregation.get(key)

    def find(self, place: _Place) -> _Aggregation | None:
        """Return the series' aggregation, or the one for what is beyond the limit of series; None: there is neither."""
        known = self.known(place)
        if known is not None:
            return known
        allowed = place._view._attribute_keys
        wanted = {key: value for key, value in self.attributes.items() if allowed is None or key in allowed}
        overflow = None
        # From the end: it has just been made.
        for key, aggregation in reversed(list(place._attributes_aggregation.items())):
            if _same(aggregation._attributes, wanted):
                self._by_place[place] = key
                return aggregation
            if aggregation._attributes == {names.METRIC_OVERFLOW: True}:
                overflow = aggregation
        return overflow


class HistogramTargets:
    """Where an SDK histogram adds up its values: one place for each reader and view.

    Args:
        histogram: As the meter made it; may be a stand-in for one that is made when a provider is set.
        boundaries: Bucket bounds to go by as long as there is no SDK's histogram.
    """

    def __init__(self, histogram: Histogram, boundaries: tuple[float, ...]) -> None:
        self.histogram = histogram
        self._boundaries: tuple[float, ...] | None = boundaries
        self._storages: object = None
        self._places: list[_Place] = []

    def boundaries(self) -> tuple[float, ...] | None:
        """Return the bucket bounds that all places have; None: they differ, and values must be recorded one by one.

        Looks again when a reader was added or removed; costs two comparisons otherwise.
        """
        real = _real(self.histogram)
        if real is None:
            return self._boundaries
        try:
            storages = real._measurement_consumer._reader_storages
            if storages is not self._storages:
                self._look(real, storages)
        except (AttributeError, TypeError, ImportError) as error:
            if self._boundaries is not None:
                _log.debug("histogram values are recorded one by one, for the SDK is built in another way: %s", error)
            self._boundaries = None
        return self._boundaries

    def merge(self, series: SeriesKeys, values: Distribution, exemplars: Mapping[float, Context]) -> None:
        """Add ``values``, which are used up, to a series in all places.

        A place whose boundaries are others is newer than the values, and gets none of them. To be called while the provider
        collects, from a callback: no other thread can collect then.

        Args:
            exemplars: Some of the values, and the contexts of their spans. They are recorded by the public way, so that the
                SDK's filter and reservoir decide about them; their time is that of the collection.
        """
        real = _real(self.histogram)
        if real is None or not real._is_enabled():
            return
        places = [place for place in self._places if place._aggregation._boundaries == values.boundaries]
        for value, context in exemplars.items():
            self.histogram.record(value, series.attributes, context)
            values.remove(value)
        if not exemplars and any(series.known(place) is None for place in places):
            # One value by the public way makes the series.
            self.histogram.record(values.low, series.attributes, NOBODY)
            values.remove(values.low)
        for place in places:
            aggregation = series.find(place)
            if aggregation is None:
                _log.error("%d values of the histogram %r found no series and are lost", values.count, real.name)
                continue
            _add(aggregation, values)

    def _look(self, real: Any, storages: Mapping[Any, Any]) -> None:
        # Here, for another SDK may not have them: then everything goes the public way.
        from opentelemetry.sdk.metrics._internal.aggregation import (
            _DropAggregation,
            _ExplicitBucketHistogramAggregation,
        )

        places = [
            place
            for storage in storages.values()
            for place in storage._get_or_init_view_instrument_match(real)
            if not isinstance(place._aggregation, _DropAggregation)
        ]
        bounds = set()
        for place in places:
            template = place._aggregation
            fits = (
                isinstance(template, _ExplicitBucketHistogramAggregation)
                and all(hasattr(template, part) for part in _PARTS)
                and hasattr(place, "_attributes_aggregation")
                and hasattr(place._view, "_attribute_keys")
            )
            bounds.add(template._boundaries if fits else None)
        if len(bounds) == 1:
            self._boundaries = bounds.pop()
        elif bounds:
            self._boundaries = None
        self._places = places
        self._storages = storages


def _real(histogram: Histogram) -> Any | None:
    """Return the SDK's instrument behind what the API gave; None as long as there is none."""
    return getattr(histogram, "_real_instrument", histogram)


def _same(attributes: Mapping[str, object] | None, wanted: Mapping[str, AttributeValue]) -> bool:
    # True, 1 and 1.0 are equal to Python and three series to the SDK.
    return attributes == wanted and all(type(attributes[key]) is type(value) for key, value in wanted.items())


def _add(aggregation: _Aggregation, values: Distribution) -> None:
    with aggregation._lock:
        counts = aggregation._value
        aggregation._value = (
            list(values.counts)
            if counts is None
            else [there + new for there, new in zip(counts, values.counts, strict=True)]
        )
        aggregation._sum += values.total
        if aggregation._record_min_max:
            aggregation._min = min(aggregation._min, values.low)
            aggregation._max = max(aggregation._max, values.high)


def is_read_plainly(reader: MetricReader, instrument: object) -> bool:
    """Say whether a reader gets an instrument's values, and gets them as they are: no view of the program changes them."""
    real: Any = getattr(instrument, "_real_instrument", instrument)
    try:
        consumer = real._measurement_consumer
        return (
            reader in consumer._reader_storages
            and real._is_enabled()
            and not any(view._match(real) for view in consumer._sdk_config.views)
        )
    except (AttributeError, TypeError):
        return False
