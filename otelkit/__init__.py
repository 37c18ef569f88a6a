"""otelkit makes a data pipeline explain itself.

The front door: everything a program or a plugin needs from otelkit is here, and nothing here does anything by itself.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from otelkit._version import __version__

if TYPE_CHECKING:
    from otelkit._assembly.configure import configure, flush
    from otelkit.errors import OtelkitError
    from otelkit.plugin.specs import hookimpl
    from otelkit.stages.declare import stage
    from otelkit.stages.queues import watch
    from otelkit.stages.run import run

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

# Imported when first asked for: `otelkit --help`, a plugin that only marks its hooks and a program that only decorates
# functions should each pay for what they use, and `import otelkit` alone must not load OpenTelemetry.
_HOME: Final = {
    "OtelkitError": "otelkit.errors",
    "configure": "otelkit._assembly.configure",
    "flush": "otelkit._assembly.configure",
    "hookimpl": "otelkit.plugin.specs",
    "run": "otelkit.stages",
    "stage": "otelkit.stages",
    "watch": "otelkit.stages",
}

if not TYPE_CHECKING:  # a type checker that saw it would believe in any name

    def __getattr__(name: str) -> object:
        home = _HOME.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value: object = getattr(import_module(home), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
