"""Where settings come from besides the environment: ``otelkit.toml``, else ``[tool.otelkit]`` in ``pyproject.toml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FileSource:
    """What a settings file says."""

    path: Path | None = None
    """The file; None if there is none."""
    where: str = ""
    """For messages: ``pyproject.toml [tool.otelkit]``."""
    values: Mapping[str, object] = field(default_factory=dict)
    mistakes: tuple[str, ...] = ()
    """Why the file could not be read, if it could not."""


def read_settings_file(start: Path | None = None) -> FileSource:
    """Return the nearest settings, looking in ``start`` (default: the working folder) and then upwards.

    In each folder ``otelkit.toml`` comes before ``pyproject.toml``; a ``pyproject.toml`` without ``[tool.otelkit]`` ends the
    search too, because it marks the project's root.
    """
    try:
        folder = (start or Path.cwd()).resolve()
    except OSError:  # the working folder was deleted
        return FileSource()
    for candidate in (folder, *folder.parents):
        own = candidate / "otelkit.toml"
        if own.is_file():
            return _read(own, (), "otelkit.toml")
        project = candidate / "pyproject.toml"
        if project.is_file():
            return _read(project, ("tool", "otelkit"), "pyproject.toml [tool.otelkit]")
    return FileSource()


def _read(path: Path, table: tuple[str, ...], where: str) -> FileSource:
    # Here, since most programs have no such file.
    import tomllib

    try:
        content: object = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return FileSource(
            path, where, {}, (f"{path} could not be read: {error}. Its settings are not used; correct the file.",)
        )
    for key in table:
        content = content.get(key, {}) if isinstance(content, dict) else {}
    if not isinstance(content, dict):
        return FileSource(path, where, {}, (f"{where} in {path} is not a table; expected keys and values.",))
    return FileSource(path, where, content)
