"""Where the store is."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from otelkit.settings import Settings

FILE_NAME: Final = "telemetry.db"


def default_path(settings: Settings) -> Path:
    """Return the store's file: ``telemetry.db`` in the folder that the setting ``store_dir`` names."""
    return Path(settings.text("store_dir")) / FILE_NAME
