"""The embedded store, offered as any other query backend is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from otelkit.model.views import Reader
from otelkit.plugin import hookimpl
from otelkit.settings import Settings


@hookimpl
def otelkit_stores() -> Mapping[str, Callable[[Settings], Reader]]:
    return {"sqlite": _open}


def _open(settings: Settings) -> Reader:
    # Planning must not load SQLite into every instrumented program.
    from otelkit.embedded.store import default_path, open_reader

    return open_reader(default_path(settings))
