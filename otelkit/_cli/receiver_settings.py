"""The settings that the receiver's commands need, and the folder they share."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from otelkit._builtin.setting_list import SETTINGS
from otelkit._folder import make_private_folder
from otelkit.errors import SettingsError, StoreError
from otelkit.settings import Settings, read_settings_file, resolve

_OURS: Final = ("receiver_", "store")
_EMBEDDED: Final = "sqlite"
_FROM: Final = re.compile(r"\(from (?P<variable>OTEL_PYTHON_OTELKIT_\w+)\)")


def receiver_settings() -> Settings:
    """Return the core's settings in force in this folder; plugins, which may bring more, are not loaded for it."""
    return resolve(SETTINGS, env=os.environ, file=read_settings_file(), complete=False)


def receiver_mistakes(settings: Settings) -> Iterator[str]:
    """Yield what is wrong with the settings of the receiver and the store; the program says the rest itself."""
    for mistake in settings.mistakes:
        if mistake.startswith(_OURS):
            yield mistake
    if settings.text("store") != _EMBEDDED:
        # Plugins are loaded for it, which takes a while: only where somebody asks for one.
        from otelkit._cli.reading import reader_factory

        try:
            reader_factory()
        except SettingsError as error:
            yield f"{error} Telemetry is stored in {settings.text('store_dir')} all the same."


def without_told_mistakes(env: Mapping[str, str], mistakes: Iterable[str]) -> dict[str, str]:
    """Return the environment without the variables that mistakes come from: a program with them would say them again."""
    told = {found["variable"] for mistake in mistakes if (found := _FROM.search(mistake))}
    return {name: value for name, value in env.items() if name not in told}


def store_folder(settings: Settings) -> Path:
    """Return the absolute folder of store and spool."""
    return Path(settings.text("store_dir")).absolute()


def make_store_folder(folder: Path) -> None:
    """Make the folder, private and kept out of version control.

    Raises:
        StoreError: It can't be made.
    """
    try:
        make_private_folder(folder)
    except OSError as error:
        raise StoreError(
            f"the folder {folder} could not be made ({error.strerror}); expected a place that this user may write. "
            "Change its permissions, or name another folder in the setting store_dir.",
            path=folder,
        ) from error
