"""The last hook of ``opentelemetry-instrument``: it runs whoever's configurator was used."""

from __future__ import annotations

import logging

from otelkit._bootstrap.configurator import OtelkitConfigurator

_log = logging.getLogger("otelkit.bootstrap")


def attach_if_needed() -> None:
    """Attach to another vendor's providers when theirs was chosen and ours was not."""
    from otelkit._assembly.install import installation

    # Ours was chosen, or the program has configured otelkit; if that failed or is switched off, once is enough.
    if OtelkitConfigurator.tried or installation() is not None:
        return
    OtelkitConfigurator().configure()
    if installation() is not None:
        _log.warning(
            "another vendor's OpenTelemetry configurator was chosen; otelkit attached to what it set up. "
            "Set OTEL_PYTHON_DISTRO=otelkit and OTEL_PYTHON_CONFIGURATOR=otelkit to choose otelkit."
        )
