"""Where telemetry is sent over OTLP, by OpenTelemetry's rules for its variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import SplitResult, urlsplit

from otelkit.health.named import SIGNALS, exporters_of, protocol_of
from otelkit.health.variables import value_of

Protocol = Literal["grpc", "http/protobuf"]

_PROTOCOLS: Final[Mapping[str, Protocol]] = {"grpc": "grpc", "http/protobuf": "http/protobuf"}
_BY_EXPORTER: Final[Mapping[str, Protocol]] = {
    "otlp_proto_grpc": "grpc",
    "otlp_proto_http": "http/protobuf",
    "jaeger": "http/protobuf",
}


@dataclass(frozen=True, slots=True)
class Destination:
    """Where one signal goes."""

    signal: str
    protocol: Protocol
    url: str
    """For HTTP with the path to which is posted."""
    source: str
    """The variable that names it; empty for the default."""
    host: str
    """Empty if the URL is malformed."""
    port: int
    tls: bool

    @property
    def place(self) -> str:
        """For messages: ``localhost:4318``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def path(self) -> str:
        """What is posted to; always with a leading slash."""
        return _split(self.url).path or "/"


def destinations_of(env: Mapping[str, str]) -> Iterator[Destination]:
    """Yield one destination for each signal and OTLP exporter that ``env`` asks for."""
    for signal in SIGNALS:
        for name in exporters_of(signal, env):
            protocol = _PROTOCOLS.get(protocol_of(signal, env)[0]) if name == "otlp" else _BY_EXPORTER.get(name)
            if protocol is not None:
                yield _destination(signal, protocol, env)


def _destination(signal: str, protocol: Protocol, env: Mapping[str, str]) -> Destination:
    own = f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT"
    shared = "OTEL_EXPORTER_OTLP_ENDPOINT"
    if value_of(env, own):
        url, source = value_of(env, own), own
    else:
        default = "http://localhost:4317" if protocol == "grpc" else "http://localhost:4318"
        url, source = value_of(env, shared) or default, shared if value_of(env, shared) else ""
        if protocol != "grpc":
            url = f"{url.rstrip('/')}/v1/{signal}"
    try:
        parts = _split(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return Destination(signal, protocol, url, source, "", 0, False)
    schemes = ("http", "https", "") if protocol == "grpc" else ("http", "https")
    if parts.scheme not in schemes:
        host = ""
    tls = parts.scheme == "https" or (parts.scheme == "" and not _insecure(signal, env))
    if port is None:
        port = 4317 if protocol == "grpc" else 443 if tls else 80
    return Destination(signal, protocol, url, source, host, port, tls)


def _split(url: str) -> SplitResult:
    # gRPC endpoints may come without a scheme.
    return urlsplit(url if "://" in url else f"//{url}")


def _insecure(signal: str, env: Mapping[str, str]) -> bool:
    own = value_of(env, f"OTEL_EXPORTER_OTLP_{signal.upper()}_INSECURE")
    return (own or value_of(env, "OTEL_EXPORTER_OTLP_INSECURE")).lower() == "true"
