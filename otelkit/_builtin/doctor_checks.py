"""What otelkit's own health checks look at: the engines of `otelkit.health`, given the settings and the environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from otelkit._version import __version__
from otelkit.delivery.spool_reader import spool_state
from otelkit.embedded.client import ForeignListener, ReceiverInfo, probe
from otelkit.embedded.store import default_path, open_reader
from otelkit.errors import StoreError
from otelkit.health import disarm
from otelkit.health.declarative import find_config_file, uses_config_file
from otelkit.health.disk import find_no_room
from otelkit.health.endpoints import find_unreachable
from otelkit.health.faults import read_faults
from otelkit.health.listening import find_odd_receiver, find_port_taken
from otelkit.health.loss_notes import read_losses
from otelkit.health.losses import find_killed, find_losses
from otelkit.health.named import find_wrong_names
from otelkit.health.note_file import ago
from otelkit.health.plugged import find_noted_faults, find_unknown_plugins
from otelkit.health.rivals import find_rivals
from otelkit.health.spooled import find_spooled
from otelkit.health.stored import find_store_troubles
from otelkit.health.switched_off import find_switched_off
from otelkit.health.targets import find_unmatched
from otelkit.health.variables import find_wrong_values
from otelkit.health.versions import find_skew
from otelkit.model.blueprint import Blueprint
from otelkit.model.checks import Finding
from otelkit.model.views import LossRow, RunRow
from otelkit.settings import Settings
from otelkit.stages.places import places

_NEWS_S: Final = 7 * 86_400.0
"""Of older runs nothing is told."""


def _rivals(blueprint: Blueprint) -> Iterable[Finding]:
    return find_rivals(os.environ)


def _versions(blueprint: Blueprint) -> Iterable[Finding]:
    return find_skew()


def _switches(blueprint: Blueprint) -> Iterable[Finding]:
    return find_switched_off(os.environ, blueprint.settings)


def _variables(blueprint: Blueprint) -> Iterable[Finding]:
    return find_wrong_values(_variables_that_count())


def _names(blueprint: Blueprint) -> Iterable[Finding]:
    environment = _variables_that_count()
    return find_wrong_names(environment, blueprint.samplers) if environment else find_config_file(os.environ)


def _targets(blueprint: Blueprint) -> Iterable[Finding]:
    return find_unmatched(blueprint.targets, has=lambda module, pattern: any(places(module, pattern)))


def _plugins(blueprint: Blueprint) -> Iterator[Finding]:
    yield from find_unknown_plugins(blueprint.settings, blueprint.plugins)
    yield from find_noted_faults(read_faults(_folder(blueprint)))


def _endpoints(blueprint: Blueprint) -> Iterable[Finding]:
    environment = _variables_that_count()
    return find_unreachable(environment, spools=blueprint.settings.flag("spool")) if environment else ()


def _receiver(blueprint: Blueprint) -> Iterator[Finding]:
    settings: Settings = blueprint.settings
    host, http_port = settings.text("receiver_host"), settings.whole("receiver_http_port")
    token = settings.text("receiver_token") or None
    found = probe(host, http_port, token=token) if http_port else None
    ours: tuple[int | None, ...] = ()
    if isinstance(found, ReceiverInfo):
        ours = (found.http_port, found.grpc_port)
        yield from find_odd_receiver(
            f"{found.host}:{found.http_port}",
            store=found.store,
            version=found.version,
            own_store=default_path(settings),
            own_version=__version__,
        )

    def stranger(host: str, port: int) -> str | None:
        who = None if port in ours else found if port == http_port else probe(host, port, token=token)
        return str(who) if isinstance(who, ForeignListener) else None

    ports = {"receiver_http_port": http_port}
    if find_spec("grpc") is not None:  # without it the receiver does not want the port
        ports["receiver_grpc_port"] = settings.whole("receiver_grpc_port")
    yield from find_port_taken(host, ports, stranger)


def _store(blueprint: Blueprint) -> Iterable[Finding]:
    settings: Settings = blueprint.settings
    return find_store_troubles(default_path(settings), open_reader, settings.whole("store_max_bytes"))


def _losses(blueprint: Blueprint) -> Iterator[Finding]:
    """Tell what finished runs have lost; a store that can't be read is the business of another check."""
    settings: Settings = blueprint.settings
    stored: list[LossRow] = []
    killed: list[RunRow] = []
    with suppress(StoreError):
        reader = open_reader(default_path(settings))
        try:
            oldest = ago(_NEWS_S)
            stored = [row for row in reader.losses() if row.when >= oldest]
            killed = [run for run in reader.runs() if run.started_at >= oldest]
        finally:
            reader.close()
    yield from find_losses(stored, read_losses(_folder(blueprint), _NEWS_S))
    yield from find_killed(killed, settings.number("export_delay_s"))


def _spool(blueprint: Blueprint) -> Iterable[Finding]:
    folder = _folder(blueprint) / "spool"
    return find_spooled(folder, spool_state(folder), blueprint.settings.whole("spool_max_bytes"))


def _disk(blueprint: Blueprint) -> Iterable[Finding]:
    return find_no_room(_folder(blueprint))


def _variables_that_count() -> Mapping[str, str]:
    """Return the environment; an empty one if a declarative configuration stands in its place."""
    return {} if uses_config_file(os.environ) else {**os.environ, **disarm.taken}


def _folder(blueprint: Blueprint) -> Path:
    return Path(blueprint.settings.text("store_dir"))


CHECKS: Final[Mapping[str, Callable[[Blueprint], Iterable[Finding]]]] = {
    "switches": _switches,
    "rivals": _rivals,
    "versions": _versions,
    "variables": _variables,
    "names": _names,
    "targets": _targets,
    "plugins": _plugins,
    "endpoints": _endpoints,
    "receiver": _receiver,
    "store": _store,
    "losses": _losses,
    "spool": _spool,
    "disk": _disk,
}
"""Name -> check, as `checks.NAMES` lists them."""
