"""Instruments from declarations."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from opentelemetry.metrics import Meter, NoOpMeter

from otelkit.model.metrics import MetricSpec

_log = logging.getLogger("otelkit.metrics")


def build_instruments(specs: Mapping[str, MetricSpec], meter: Meter) -> dict[str, object]:
    """Return the instrument for each declared metric, by metric name.

    Counters, up-down counters, gauges and histograms, all of the synchronous kind. A spec that is ``observed`` is left out: its
    observer creates the instrument. A spec that the SDK refuses (its name, its unit) is named in one warning and gets an
    instrument that records nothing, so that whoever declared it need not know.
    """
    return {name: _built(spec, meter) for name, spec in specs.items() if not spec.observed}


def _built(spec: MetricSpec, meter: Meter) -> object:
    try:
        return _create(spec, meter)
    except Exception as error:  # noqa: BLE001 - the SDK raises bare `Exception` for a bad name or unit
        _log.warning("the metric %r can't be recorded: %s", spec.name, error)
        return _create(spec, NoOpMeter("otelkit"))


def _create(spec: MetricSpec, meter: Meter) -> object:
    match spec.kind:
        case "counter":
            return meter.create_counter(spec.name, spec.unit, spec.meaning)
        case "updown":
            return meter.create_up_down_counter(spec.name, spec.unit, spec.meaning)
        case "gauge":
            return meter.create_gauge(spec.name, spec.unit, spec.meaning)
        case "histogram":
            return meter.create_histogram(
                spec.name, spec.unit, spec.meaning, explicit_bucket_boundaries_advisory=spec.boundaries or None
            )
