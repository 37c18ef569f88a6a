"""otelkit's own health checks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from otelkit.health.disk import find_no_room
from otelkit.health.endpoints import find_unreachable
from otelkit.health.faults import read_faults
from otelkit.health.listening import find_port_taken
from otelkit.health.named import find_wrong_names
from otelkit.health.plugged import find_noted_faults, find_unknown_plugins
from otelkit.health.rivals import find_rivals
from otelkit.health.spooled import find_spooled
from otelkit.health.stored import find_store_troubles
from otelkit.health.targets import find_unmatched
from otelkit.health.variables import find_wrong_values
from otelkit.health.versions import find_skew
from otelkit.model.blueprint import Blueprint
from otelkit.model.checks import Finding, HealthCheck
from otelkit.plugin import hookimpl
from otelkit.settings import Settings


@hookimpl
def otelkit_health_checks(settings: Settings) -> Iterable[HealthCheck]:
    folder = Path(settings.text("store_dir"))
    return (
        HealthCheck("rivals", lambda plan: find_rivals(os.environ)),
        HealthCheck("versions", lambda plan: find_skew()),
        HealthCheck("variables", lambda plan: find_wrong_values(os.environ)),
        HealthCheck("names", lambda plan: find_wrong_names(os.environ, plan.samplers)),
        HealthCheck("targets", lambda plan: find_unmatched(plan.targets)),
        HealthCheck("plugins", lambda plan: _plugins(plan, settings, folder)),
        HealthCheck("endpoints", lambda plan: find_unreachable(os.environ, spools=settings.flag("spool"))),
        HealthCheck("receiver", lambda plan: _receiver(settings)),
        HealthCheck("store", lambda plan: _store(settings)),
        HealthCheck("spool", lambda plan: find_spooled(folder / "spool", settings.whole("spool_max_bytes"))),
        HealthCheck("disk", lambda plan: find_no_room(folder)),
    )


def _plugins(plan: Blueprint, settings: Settings, folder: Path) -> Iterator[Finding]:
    yield from find_unknown_plugins(settings, plan.plugins)
    yield from find_noted_faults(read_faults(folder))


def _receiver(settings: Settings) -> Iterable[Finding]:
    from otelkit.embedded.client import ForeignListener, probe

    def stranger(host: str, port: int) -> str | None:
        found = probe(host, port)
        return "another program" if isinstance(found, ForeignListener) else None

    return find_port_taken(
        settings.text("receiver_host"), {"receiver_http_port": settings.whole("receiver_http_port")}, stranger
    )


def _store(settings: Settings) -> Iterable[Finding]:
    from otelkit.embedded.store import default_path, open_reader

    return find_store_troubles(default_path(settings), open_reader, settings.whole("store_max_bytes"))
