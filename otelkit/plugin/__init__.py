"""The one door: hook specifications, and how plugins are found, loaded and asked."""

from otelkit.plugin.manager import Plugins
from otelkit.plugin.specs import hookimpl

__all__ = ["Plugins", "hookimpl"]
