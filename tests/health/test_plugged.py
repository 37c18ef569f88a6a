"""Plugins that the settings name and nobody has, and faults of earlier runs."""

from __future__ import annotations

from otelkit._builtin.setting_list import SETTINGS
from otelkit.health.faults import Fault
from otelkit.health.plugged import find_noted_faults, find_unknown_plugins
from otelkit.model.blueprint import PluginRecord, PluginState
from otelkit.settings import resolve


def test_a_denied_name_that_is_not_installed_is_named_with_the_nearest() -> None:
    """A deny list with a typo denies nothing."""
    settings = resolve(SETTINGS, env={"OTEL_PYTHON_OTELKIT_PLUGINS_DENY": "acme, acmee"})

    (finding,) = find_unknown_plugins(settings, [PluginRecord("acme", "acme-otel", "1", PluginState.DENIED)])

    assert finding.id == "plugin.unknown"
    assert "'acmee'" in finding.what
    assert "Did you mean acme?" in finding.what


def test_a_noted_fault_names_the_part_its_distribution_and_the_cause() -> None:
    """What happened in a program can be read afterwards."""
    (finding,) = find_noted_faults(
        [Fault("mask", "acme-otel", 10, "on_end: ValueError: no", "2026-11-21T10:00:00Z", switched_off=True)]
    )

    assert finding.id == "plugin.faults"
    for part in ("mask", "acme-otel", "10 times", "on_end: ValueError: no", "switched off"):
        assert part in finding.what
