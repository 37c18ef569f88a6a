"""The transport that the environment asks for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Final

from otelkit._bounded import BoundedDict
from otelkit.delivery.otlp_settings import OtlpSettings, Protocol, read_otlp_settings
from otelkit.delivery.transport import Answer, Later, Transport
from otelkit.model.signals import Signal

_log = logging.getLogger("otelkit.settings")

# A mistake in a variable that all signals share is told once.
_told: Final[BoundedDict[str, bool]] = BoundedDict(100)


def otlp_transport(signal: Signal, protocol: Protocol, env: Mapping[str, str]) -> Callable[[], Transport]:
    """Return what makes the transport for one signal; all values in ``OTEL_EXPORTER_OTLP_*`` that are wrong are logged.

    They are logged in one message, when this is called. With an endpoint that is none, nothing is sent anywhere else: the
    transport answers `Later`, so that telemetry is kept.
    Making a transport imports its library: call the result on the thread that sends. It may raise.
    """
    settings = read_otlp_settings(signal, protocol, env)
    mistakes = [mistake for mistake in settings.mistakes if _told.get(mistake) is None]
    if mistakes:
        for mistake in mistakes:
            _told.put(mistake, True)
        _log.error("%s. Everything else works on.", "; ".join(mistakes))
    return make_transport(signal, protocol, settings)


def make_transport(signal: Signal, protocol: Protocol, settings: OtlpSettings) -> Callable[[], Transport]:
    """Return what makes the transport for one signal as ``settings`` say."""

    def make() -> Transport:
        # Each is imported only where it is used: they bring libraries of their own.
        if not settings.usable:
            return _Nowhere(f"the endpoint of {signal} is no URL")
        if protocol == "grpc":
            from otelkit.delivery.grpc_transport import GrpcTransport

            return GrpcTransport(signal, settings)
        from otelkit.delivery.http_transport import HttpTransport

        return HttpTransport(settings)

    return make


class _Nowhere:
    """Stands in for an endpoint that can't be used."""

    def __init__(self, why: str) -> None:
        self._why = why

    def send(self, body: bytes, timeout_s: float) -> Answer:
        return Later(self._why)

    def close(self) -> None:
        pass
