"""How the metrics of a child that may be killed at any moment are kept safe, at the end of each of its outermost stages."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from otelkit.delivery.otlp_exporters import OtlpMetricExporter
from otelkit.metrics.provider import is_recorded_into
from otelkit.metrics.red_states import RedStates

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricsData

_log = logging.getLogger("otelkit.install")

_REST: Final = 50
"""Collections between the ends of stages take at most one part in so many of the time."""


class MetricSeal:
    """Keeps the metrics of one exporter safe.

    What every call adds to, the durations and items of its stage, is kept at the end of each. All else of ours (time spent
    waiting, queues, losses) is collected then as often as that costs next to nothing, and a second after the last call at the
    latest. Where the program itself records metrics in the child, everything is collected each time: what it has recorded is
    safe when the stage has ended.

    Args:
        exporter: Keeps them.
        collect: Collects and exports to it.
        red: The durations and items.
    """

    def __init__(self, exporter: OtlpMetricExporter, collect: Callable[[], None], red: RedStates) -> None:
        self._exporter = exporter
        self._collect = collect
        self._red = red
        self._whole_at = 0.0
        self._stale = False

    def seal(self, timeout_s: float) -> bool:
        """Keep the metrics as they are now safe; False if they had to be sent for that, and were not."""
        if is_recorded_into() or not self._exporter.keeps_states or time.monotonic() >= self._whole_at:
            return self._seal_whole(timeout_s)
        return self._seal_calls(self._red.changed(), timeout_s)

    def catch_up(self, timeout_s: float) -> None:
        """Keep what `seal` has left out, if it has; a second later at the latest."""
        if self._stale:
            self._seal_whole(timeout_s)

    def _seal_whole(self, timeout_s: float) -> bool:
        self._stale = False
        began = time.monotonic()
        # What has changed until now is in what is collected.
        changed = self._red.changed()
        try:
            sealed = self._exporter.seal(self._collect, timeout_s)
        except Exception as error:  # noqa: BLE001 - the SDK raises bare `Exception` when a callback fails or is late
            _log.debug("metrics could not be collected to be sealed: %s", error)
            sealed = self._seal_calls(changed, timeout_s)
        now = time.monotonic()
        self._whole_at = now + (now - began) * _REST
        return sealed

    def _seal_calls(self, changed: Sequence[tuple[int, MetricsData]], timeout_s: float) -> bool:
        for number, data in changed:
            self._exporter.put_state(number, data)
        self._stale = True
        return self._exporter.seal_states(timeout_s)
