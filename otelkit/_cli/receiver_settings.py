"""The settings that the receiver's commands need, and the folder they share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from otelkit._builtin.settings import SETTINGS
from otelkit._folder import make_private_folder
from otelkit.errors import StoreError
from otelkit.settings import Settings, read_settings_file, resolve

_OURS = ("receiver_", "store")


def receiver_settings() -> Settings:
    """Return the core's settings in force in this folder; plugins, which may bring more, are not loaded for it."""
    return resolve(SETTINGS, env=os.environ, file=read_settings_file(), complete=False)


def receiver_mistakes(settings: Settings) -> Iterator[str]:
    """Yield what is wrong with the settings of the receiver and the store; the program says the rest itself."""
    for mistake in settings.mistakes:
        if mistake.startswith(_OURS):
            yield mistake


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
