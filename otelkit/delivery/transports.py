"""The transport that the environment asks for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from otelkit._bounded import BoundedDict
from otelkit.delivery.by_way_of import needs_session
from otelkit.delivery.otlp_settings import Protocol, read_otlp_settings
from otelkit.delivery.transport import Answer, Later, Transport
from otelkit.model.signals import Signal

_log = logging.getLogger("otelkit.settings")

# A mistake in a variable that all signals share is told once.
_told: Final[BoundedDict[str, bool]] = BoundedDict(100)


def otlp_transport(signal: Signal, protocol: Protocol, env: Mapping[str, str]) -> Callable[[], Transport]:
    """Return what makes the transport for one signal; all values in ``OTEL_EXPORTER_OTLP_*`` that are wrong are logged.

    They are logged in one message, when this is called. With an endpoint that is none, nothing is sent anywhere else: the
    transport answers `Later`, so that telemetry is kept.
    What the transport needs is imported now, not when it is made: an import on a thread of ours takes seconds while others
    keep the interpreter busy, and a child that is forked meanwhile inherits the lock of the half-imported module.

    Raises:
        ImportError: The extra ``grpc`` is not installed.
    """
    settings = read_otlp_settings(signal, protocol, env)
    mistakes = [mistake for mistake in settings.mistakes if _told.get(mistake) is None]
    if mistakes:
        for mistake in mistakes:
            _told.put(mistake, True)
        _log.error("%s. Everything else works on.", "; ".join(mistakes))
    if not settings.usable:
        return partial(_Nowhere, f"the endpoint of {signal} is no URL")
    # Each is imported only where it is used: they bring libraries of their own.
    if protocol == "grpc":
        from otelkit.delivery.grpc_transport import GrpcTransport

        return partial(GrpcTransport, signal, settings)
    if needs_session(settings, env):
        from otelkit.delivery.session_transport import SessionTransport

        return partial(SessionTransport, settings)
    from otelkit.delivery.http_transport import HttpTransport

    return partial(HttpTransport, settings)


class _Nowhere:
    """Stands in for an endpoint that can't be used."""

    def __init__(self, why: str) -> None:
        self._why = why

    def send(self, body: bytes, timeout_s: float) -> Answer:
        return Later(self._why)

    def close(self) -> None:
        pass
