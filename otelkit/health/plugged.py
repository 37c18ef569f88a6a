"""Plugins: names in the allow and deny lists that nobody has, and faults noted by earlier runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from otelkit.health.faults import Fault
from otelkit.model.blueprint import PluginRecord
from otelkit.model.checks import Finding, Severity
from otelkit.settings import Settings, nearest


def find_unknown_plugins(settings: Settings, plugins: Iterable[PluginRecord]) -> Iterator[Finding]:
    """Yield a finding for each name in ``plugins_allow`` and ``plugins_deny`` that no installed plugin has."""
    names = [plugin.name for plugin in plugins]
    for setting in ("plugins_allow", "plugins_deny"):
        for name in settings.items_of(setting):
            if name in names:
                continue
            close = nearest(name, names)
            hint = f"Did you mean {close}?" if close else "`otelkit plugins` lists them."
            yield Finding(
                "plugin.unknown",
                Severity.WARNING,
                f"{setting} (from {settings.sources[setting]}) names {name!r}, which is not installed. {hint}",
                "The name has no effect.",
                f"Correct or remove it in {settings.sources[setting]}.",
            )


def find_noted_faults(faults: Iterable[Fault]) -> Iterator[Finding]:
    """Yield a finding for each plugin that failed while a program ran."""
    for fault in faults:
        origin = f" (distribution {fault.distribution})" if fault.distribution else ""
        yield Finding(
            "plugin.faults",
            Severity.WARNING,
            f"{fault.name}{origin} failed {fault.count} {'times' if fault.count > 1 else 'time'} in a program of this "
            f"folder, last on {fault.when}: {fault.cause}."
            + (" It was switched off there." if fault.switched_off else ""),
            "Spans passed it by; the program itself was not harmed.",
            "Mend, update or uninstall it, or name it in the setting plugins_deny.",
        )
