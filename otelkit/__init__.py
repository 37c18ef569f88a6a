"""otelkit makes a data pipeline explain itself.

The front door: everything a program or a plugin needs from otelkit is here, and nothing here does anything by itself.
"""

from otelkit._assembly.configure import configure, flush
from otelkit._version import __version__
from otelkit.errors import OtelkitError
from otelkit.plugin.specs import hookimpl
from otelkit.stages import run, stage, watch

__all__ = [
    "OtelkitError",
    "__version__",
    "configure",
    "flush",
    "hookimpl",
    "run",
    "stage",
    "watch",
]
