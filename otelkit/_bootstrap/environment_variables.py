"""Our environment variables, one module attribute each, which makes them flags of ``opentelemetry-instrument``.

``opentelemetry-instrument`` imports this module in the launching process, just before it starts the program. That is the one
moment at which the choice between us and the generic ``opentelemetry-distro`` can be made without depending on the order in
which installed packages are found; nothing that the user has set is touched.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from opentelemetry.util._importlib_metadata import entry_points

from otelkit._builtin.setting_list import SETTINGS

globals().update({setting.env: setting.env for setting in SETTINGS})

_GENERIC = {"distro", "otelkit"}


def prefer_ourselves() -> None:
    """Choose otelkit's distro and configurator, unless the user has chosen or another vendor's is installed."""
    for variable, group in (
        ("OTEL_PYTHON_DISTRO", "opentelemetry_distro"),
        ("OTEL_PYTHON_CONFIGURATOR", "opentelemetry_configurator"),
    ):
        installed = {entry.name for entry in entry_points(group=group)}
        if installed <= _GENERIC | {"configurator"}:
            os.environ.setdefault(variable, "otelkit")


if Path(sys.argv[0]).name in ("opentelemetry-instrument", "__main__.py"):
    prefer_ourselves()
