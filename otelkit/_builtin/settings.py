"""Offer the settings of the core."""

from __future__ import annotations

from collections.abc import Iterable

from otelkit._builtin.setting_list import SETTINGS
from otelkit.plugin import hookimpl
from otelkit.settings import Setting


@hookimpl
def otelkit_settings() -> Iterable[Setting]:
    return SETTINGS
