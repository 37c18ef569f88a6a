"""Every error that otelkit raises.

::

    OtelkitError
    ├── SettingsError          (ValueError)    a setting, settings file or argument of ours is wrong
    ├── AlreadyConfiguredError (RuntimeError)  configured twice, differently
    ├── PluginError            (RuntimeError)  a plugin could not be used; names it and its distribution
    │   ├── UnknownHookError                   it implements a hook that does not exist
    │   └── NameClashError                     it offers a name that another plugin has taken
    ├── TargetError            (LookupError)   a stage target names nothing that can be wrapped
    ├── WireError              (ValueError)    OTLP bytes that do not decode
    ├── ReceiverError          (OSError)       the receiver can't listen or can't be reached
    └── StoreError             (OSError)       the embedded store can't be opened or written
        ├── StoreMissingError                  there is no store at that path
        ├── StoreLockedError                   another process writes to it
        ├── StoreFullError                     the disk (or a quota) has no room for more
        ├── StoreCorruptError                  the file is damaged
        └── StoreVersionError                  the file was written by a newer otelkit

Catching ``OtelkitError`` catches all of them; each is also the builtin it most resembles.
A message has three parts: what was found and where it came from, what was expected, what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class OtelkitError(Exception):
    """Anything otelkit raises on purpose."""


class SettingsError(OtelkitError, ValueError):
    """One or more settings are wrong; ``mistakes`` has one sentence for each."""

    def __init__(self, mistakes: str | Sequence[str], *, setting: str | None = None) -> None:
        self.mistakes: tuple[str, ...] = (mistakes,) if isinstance(mistakes, str) else tuple(mistakes)
        self.setting = setting
        super().__init__("\n".join(self.mistakes))


class AlreadyConfiguredError(OtelkitError, RuntimeError):
    """``otelkit.configure`` was called again with other settings than the first time."""


class PluginError(OtelkitError, RuntimeError):
    """A plugin could not be used. ``plugin`` and ``distribution`` name it."""

    def __init__(self, message: str, *, plugin: str, distribution: str | None = None) -> None:
        self.plugin = plugin
        self.distribution = distribution
        super().__init__(message)


class UnknownHookError(PluginError):
    """A plugin implements a hook that does not exist, most often a misspelt one."""


class NameClashError(PluginError):
    """Two plugins offer the same name. ``other`` is the plugin that keeps it."""

    def __init__(self, message: str, *, plugin: str, other: str, distribution: str | None = None) -> None:
        self.other = other
        super().__init__(message, plugin=plugin, distribution=distribution)


class TargetError(OtelkitError, LookupError):
    """A stage target (``module:name``) is malformed or names nothing that can be wrapped."""

    def __init__(self, message: str, *, target: str) -> None:
        self.target = target
        super().__init__(message)


class WireError(OtelkitError, ValueError):
    """Bytes that claim to be OTLP do not decode. ``offset`` is where, in bytes from the start, if known."""

    def __init__(self, message: str, *, offset: int | None = None) -> None:
        self.offset = offset
        super().__init__(message)


class ReceiverError(OtelkitError, OSError):
    """The receiver can't listen, or a needed receiver can't be reached."""


class StoreError(OtelkitError, OSError):
    """The embedded store can't be opened, read or written. ``path`` is its file."""

    def __init__(self, message: str, *, path: Path) -> None:
        self.path = path
        super().__init__(message)


class StoreMissingError(StoreError):
    """There is no store at that path."""


class StoreLockedError(StoreError):
    """Another process has the store open for writing."""


class StoreFullError(StoreError):
    """There is no room left for what should be written; nothing of it was."""


class StoreCorruptError(StoreError):
    """The store's file is damaged."""


class StoreVersionError(StoreError):
    """The store's file has a schema that this otelkit does not know."""
