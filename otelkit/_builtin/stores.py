"""The embedded store, offered as any other query backend is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from otelkit.plugin import hookimpl
from otelkit.settings import Settings

if TYPE_CHECKING:
    # What a store answers is of no interest to the programs that are watched.
    from otelkit.model.views import Reader


@hookimpl
def otelkit_stores() -> Mapping[str, Callable[[Settings], Reader]]:
    return {"sqlite": _open}


def _open(settings: Settings) -> Reader:
    # Planning must not load SQLite into every instrumented program.
    from otelkit.embedded.store import default_path, open_reader

    return open_reader(default_path(settings))
