"""The meter provider's reader that answers scrapes."""

from __future__ import annotations

import threading
from typing import Any

from opentelemetry.sdk.metrics.export import MetricReader, MetricsData

from otelkit._guard import in_forked_child
from otelkit.metrics.bound import all_bound
from otelkit.metrics.bound_metric import BoundMetric, Counters, Gauges, read_apart
from otelkit.metrics.exposition import Exposition
from otelkit.metrics.sdk_private import is_read_plainly


class ScrapeReader(MetricReader):
    """Gives all metrics of its provider as text whenever it is asked; everything is cumulative. Thread-safe, fork-safe.

    Counters and gauges with handles (`bound_metrics`) are read from their handles, past the SDK, which takes ten times as
    long for each of their series; those that a view of the program changes are not.
    """

    def __init__(self) -> None:
        super().__init__()
        self._start_over()
        in_forked_child(self._start_over)

    def _start_over(self) -> None:
        self._lock = threading.Lock()
        self._exposition = Exposition()
        self._data: MetricsData | None = None

    def scrape(self, *, openmetrics: bool = False) -> str:
        """Return the metrics as they are now; one scrape at a time.

        Args:
            openmetrics: As OpenMetrics 1.0, with exemplars; else in the classic format.

        Raises:
            Exception: When the SDK can't collect, or a callback of the program takes longer than the SDK's 10 s.
        """
        with self._lock:
            direct = [
                (bound.scope, metric)
                for bound in all_bound()
                for metric in bound.metrics
                if isinstance(metric, Counters | Gauges) and is_read_plainly(self, metric.instrument)
            ]
            apart: set[BoundMetric[Any, Any]] = {metric for _, metric in direct}  # Any: of both kinds
            self._data = None
            with read_apart(apart):
                self.collect()
            return self._exposition.render(self._data, direct, openmetrics=openmetrics)

    def _receive_metrics(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> None:
        # Any: what a newer SDK may hand over as well.
        self._data = metrics_data

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Do nothing: nothing waits here to be sent."""
        return True

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Do nothing: what is asked for afterwards is answered as long as the provider collects."""
