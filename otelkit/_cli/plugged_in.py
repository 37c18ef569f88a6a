"""The commands of installed plugins, found without importing anything when there are none."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from typing import Final

from otelkit.model.commands import CommandSpec

_GROUP: Final = re.compile(rb"^\s*\[\s*otelkit\s*\]", re.MULTILINE)


def any_plugin_installed(paths: Iterable[str] | None = None) -> bool:
    """Return whether some distribution on ``paths`` (default: ``sys.path``) has entry points in the group ``otelkit``.

    Reads the metadata files themselves: ``importlib.metadata`` costs ten times as much to import as this costs to run.
    True if in doubt, as for a zip file on the path.
    """
    return any(_in_folder(path or ".") for path in (sys.path if paths is None else paths))


def _in_folder(path: str) -> bool:
    try:
        entries = os.scandir(path)
    except NotADirectoryError:
        return True
    except OSError:
        return False
    with entries:
        return any(
            _names_our_group(entry.path)
            for entry in entries
            if entry.name.endswith((".dist-info", ".egg-info", ".egg"))
        )


def _names_our_group(metadata: str) -> bool:
    for file in (f"{metadata}/entry_points.txt", f"{metadata}/EGG-INFO/entry_points.txt"):
        try:
            with open(file, "rb") as stream:  # noqa: PTH123 - pathlib takes longer to import than this to run
                if _GROUP.search(stream.read()):
                    return True
        except OSError:
            continue
    return False


def plugin_commands() -> list[tuple[str, CommandSpec]]:
    """Return (plugin, command) for each command that an installed plugin offers.

    A plugin that fails is left out with a warning; one that offers a name which is taken as well.
    """
    if not any_plugin_installed():
        return []
    from otelkit._builtin.setting_list import SETTINGS
    from otelkit.plugin import Plugins
    from otelkit.plugin.loading import builtin_candidates, installed_candidates
    from otelkit.settings import read_settings_file, resolve

    # Not the whole plan: only what is needed to know who may offer commands, and which names are taken.
    loading = [setting for setting in SETTINGS if setting.name in ("plugins_allow", "plugins_deny")]
    settings = resolve(loading, env=os.environ, file=read_settings_file(), complete=False)
    plugins = Plugins()
    plugins.load(
        (*builtin_candidates(("otelkit._builtin.commands",)), *installed_candidates()),
        allow=settings.items_of("plugins_allow"),
        deny=settings.items_of("plugins_deny"),
    )
    plugins.ask("otelkit_commands")
    return [(offer.plugin, offer.value) for _, offer in plugins.offered("otelkit_commands") if offer.distribution]
