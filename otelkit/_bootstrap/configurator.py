"""What ``opentelemetry-instrument`` calls to set up the SDK."""

from __future__ import annotations

import logging
import os
from typing import Any, ClassVar

from opentelemetry.util._importlib_metadata import entry_points

from otelkit._assembly.starting import speak_up, uncollected
from otelkit.health.disarm import disarm

_log = logging.getLogger("otelkit.bootstrap")


def prepare() -> None:
    """Make our warnings heard, and take values out of the environment that would make the SDK raise. Never raises.

    To be called before the SDK is imported: it reads some of them then.
    """
    speak_up()
    disarm(os.environ)


class OtelkitConfigurator:
    """Plans and installs otelkit in this process. Whatever goes wrong, the program starts."""

    tried: ClassVar[bool] = False
    """Whether it was called in this process, whatever came of it."""

    def configure(self, **kwargs: Any) -> None:  # Any: upstream passes more with every release
        """Install otelkit.

        Args:
            kwargs: From upstream; ``auto_instrumentation_version`` goes into the resource.
        """
        OtelkitConfigurator.tried = True
        try:
            with uncollected():
                prepare()
                # Here, so that what fails at import is contained too.
                from otelkit._assembly.install import install_from_environment

                install_from_environment(
                    auto_version=kwargs.get("auto_instrumentation_version"), find_entry_points=entry_points
                )
        except Exception:  # noqa: BLE001 - the program must start, whatever is wrong with us
            _log.exception("otelkit could not start; the program runs without it. `otelkit doctor` may tell why")
