"""One declared list of settings → environment, file, code, command-line flags and reference page."""

from otelkit.settings.declare import Setting, SettingValue
from otelkit.settings.nearest import nearest
from otelkit.settings.resolve import Settings, resolve
from otelkit.settings.share import parse_share
from otelkit.settings.sources import FileSource, read_settings_file

__all__ = [
    "FileSource",
    "Setting",
    "SettingValue",
    "Settings",
    "nearest",
    "parse_share",
    "read_settings_file",
    "resolve",
]
