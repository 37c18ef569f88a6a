"""The summary type: quantiles that this process computes, since OpenTelemetry records histograms only."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Final

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from otelkit import names
from otelkit._clock import Clock
from otelkit.metrics.quantiles import SlidingQuantiles
from otelkit.model.calls import AttributeScalar

QUANTILES: Final = (0.5, 0.9, 0.95, 0.99)
WINDOW_S: Final = 60.0
"""Quantiles are those of the last minute; count and sum go on for ever."""


class SummaryInstrument:
    """A summary as three OpenTelemetry metrics, in the manner of Prometheus.

    The gauge ``name`` has one series for each quantile (label ``quantile``: 0.5, 0.9, 0.95, 0.99) over the last minute, at most
    1 % off; the counters ``name.count`` and ``name.sum`` are exact. ``name.sum`` is an up-down counter, for values may be
    negative. Quantiles of several processes can't be added up; use a histogram where that matters. Thread-safe.
    """

    def __init__(self, meter: Meter, name: str, unit: str, meaning: str, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._series: dict[frozenset[tuple[str, AttributeScalar]], SlidingQuantiles] = {}
        self._count = meter.create_counter(f"{name}.count", "{value}", f"Values recorded. {meaning}".strip())
        self._sum = meter.create_up_down_counter(f"{name}.sum", unit, f"Sum of the values recorded. {meaning}".strip())
        meter.create_observable_gauge(name, [self._read], unit, f"Quantiles of the last minute. {meaning}".strip())

    def record(self, value: float, labels: Mapping[str, AttributeScalar]) -> None:
        """Count a finite value."""
        key = frozenset(labels.items())
        with self._lock:
            self._series.setdefault(key, SlidingQuantiles(WINDOW_S)).add(value, self._clock.monotonic_ns())
        self._count.add(1, labels)
        self._sum.add(value, labels)

    def _read(self, _options: CallbackOptions) -> Iterator[Observation]:
        now_ns = self._clock.monotonic_ns()
        with self._lock:
            read = [(dict(key), quantiles.read(QUANTILES, now_ns)) for key, quantiles in self._series.items()]
        for labels, values in read:
            for share, value in zip(QUANTILES, values, strict=True):
                if value is not None:
                    yield Observation(value, {**labels, names.LABEL_QUANTILE: str(share)})
