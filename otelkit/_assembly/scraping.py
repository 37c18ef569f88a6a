"""``/metrics`` for Prometheus, where the settings ask for it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from opentelemetry.sdk.metrics import MeterProvider

from otelkit.settings import Settings

if TYPE_CHECKING:
    from otelkit.metrics.scrape_server import ScrapeServer

_log = logging.getLogger("otelkit.install")


def serve_metrics(settings: Settings, provider: MeterProvider) -> ScrapeServer | None:
    """Serve a provider's metrics on the port that is set; None if none is set, or the provider takes no further reader."""
    if settings["metrics_port"] is None:
        return None
    # Here, because few programs serve anything: Python's HTTP server takes its time to import.
    from otelkit.metrics.scrape_reader import ScrapeReader
    from otelkit.metrics.scrape_server import PATH, ScrapeServer

    reader = ScrapeReader()
    try:
        provider.add_metric_reader(reader)
    except Exception as error:  # noqa: BLE001 - the SDK raises bare `Exception`, and the provider may be a stranger's subclass
        _log.error("metrics are not served on %s: the meter provider takes no further reader: %s", PATH, error)
        return None
    server = ScrapeServer(reader, settings.whole("metrics_port"))
    if server.port is not None:
        _log.info("metrics are served on http://127.0.0.1:%d%s", server.port, PATH)
    return server
