"""Opening what the reading commands read: the embedded store, or the backend that the setting ``store`` names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from otelkit._builtin.setting_list import SETTINGS
from otelkit._cli.exits import NotFoundError
from otelkit.errors import SettingsError, StoreMissingError
from otelkit.model.views import Reader, RunRow
from otelkit.plugin import Plugins
from otelkit.plugin.loading import builtin_candidates, installed_candidates
from otelkit.settings import read_settings_file, resolve
from otelkit.settings.nearest import nearest

_START: Final = "Start with `otelkit run python app.py`, or with `otelkit demo` to see one."


def reader_factory() -> Callable[[], Reader]:
    """Return what opens a reader, as often as needed.

    Raises:
        SettingsError: The setting ``store`` names a backend that nobody offers.
    """
    # Not the whole plan: what instruments programs has no part in reading what they sent.
    file = read_settings_file()
    early = resolve(SETTINGS, env=os.environ, file=file, complete=False)
    plugins = Plugins()
    plugins.load(
        (*builtin_candidates(("otelkit._builtin.settings", "otelkit._builtin.stores")), *installed_candidates()),
        allow=early.items_of("plugins_allow"),
        deny=early.items_of("plugins_deny"),
    )
    plugins.ask("otelkit_settings")
    declared = [offer.value for _, offer in plugins.offered("otelkit_settings")]
    settings = resolve(declared, env=os.environ, file=file, complete=False)
    plugins.ask("otelkit_stores", settings=settings)
    stores = dict(plugins.offered("otelkit_stores"))
    name = settings.text("store")
    if name not in stores:
        close = nearest(name, stores)
        raise SettingsError(
            f"store is {name!r} (from {settings.sources['store']}); expected one of: {', '.join(sorted(stores)) or 'none'}. "
            + (f"Did you mean {close}?" if close else "`otelkit plugins` shows what was left out and why."),
            setting="store",
        )
    factory = stores[name].value

    def open_reader() -> Reader:
        try:
            reader: Reader = factory(settings)
        except StoreMissingError as error:
            raise NotFoundError(f"Nothing has been stored here yet: there is no {error.path}. {_START}") from error
        return reader

    return open_reader


@contextmanager
def opened() -> Iterator[Reader]:
    """Give a reader and close it.

    Raises:
        NotFoundError: Nothing has been stored yet.
        StoreError: The store can't be read.
    """
    reader = reader_factory()()
    try:
        yield reader
    finally:
        reader.close()


def find_run(reader: Reader, run_id: str | None) -> RunRow:
    """Return a run by the start of its id, or by its name (the newest of that name); None: the newest run.

    Raises:
        NotFoundError: There is none.
    """
    if run_id is None:
        newest = reader.runs(limit=1)
        if not newest:
            raise NotFoundError(f"No run has been stored here yet. {_START}")
        run_id = newest[0].id
    run = reader.run(run_id)
    if run is None:
        named = next((row for row in reader.runs(limit=1000) if row.name == run_id), None)
        run = reader.run(named.id) if named is not None else None
    if run is None:
        raise NotFoundError(
            f"There is no run {run_id!r}, or several start with it. `otelkit runs` lists the newest ones."
        )
    return run
