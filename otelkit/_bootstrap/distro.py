"""otelkit as a distribution of OpenTelemetry, as ``opentelemetry-instrument`` knows them."""

from __future__ import annotations

import logging
import os
from typing import Any

from opentelemetry.instrumentation.dependencies import DependencyConflictError
from opentelemetry.instrumentation.distro import BaseDistro  # type: ignore[attr-defined]  # upstream has no type hints there
from opentelemetry.util._importlib_metadata import EntryPoint

from otelkit._bootstrap.configurator import prepare

_log = logging.getLogger("otelkit.bootstrap")


class OtelkitDistro(BaseDistro):  # type: ignore[misc]  # see the import
    """Sees to it that our configurator follows, and that one broken instrumentation does not stop the others."""

    def _configure(self, **kwargs: Any) -> None:  # Any: upstream's signature
        os.environ.setdefault("OTEL_PYTHON_CONFIGURATOR", "otelkit")
        prepare()

    def load_instrumentor(self, entry_point: EntryPoint, **kwargs: Any) -> None:  # Any: upstream's signature
        """Start one instrumentation; what it raises is logged once, and the others go on.

        Upstream aborts all that follow when one raises anything but an ImportError.
        """
        try:
            super().load_instrumentor(entry_point, **kwargs)
        except (DependencyConflictError, ImportError):
            raise  # upstream knows these and goes on
        except Exception as error:  # noqa: BLE001 - a stranger's instrumentation may raise anything
            _log.warning(
                "the instrumentation %s could not start: %s: %s. It is left out; "
                "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=%s silences this.",
                entry_point.name, type(error).__name__, error, entry_point.name,
            )  # fmt: skip
