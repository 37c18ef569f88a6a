"""Where OTLP goes and how, as ``OTEL_EXPORTER_OTLP_*`` say it."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

from otelkit.model.signals import Signal

Protocol = Literal["http/protobuf", "grpc"]
Compression = Literal["none", "gzip", "deflate"]

DEFAULT_TIMEOUT_S: Final = 10.0

_COMPRESSIONS: Final[Mapping[Protocol, tuple[Compression, ...]]] = {
    "http/protobuf": ("none", "gzip", "deflate"),
    "grpc": ("none", "gzip"),
}
_DEFAULT_ENDPOINT: Final[Mapping[Protocol, str]] = {
    "http/protobuf": "http://localhost:4318",
    "grpc": "http://localhost:4317",
}
# A token as RFC 9110 has it.
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class OtlpSettings:
    """How one signal is sent."""

    endpoint: str
    """The URL as it is used: over HTTP with the signal's path, over gRPC possibly without a scheme."""
    headers: Mapping[str, str]
    """Names in lower case."""
    timeout_s: float
    """Longest time an answer is waited for."""
    compression: Compression
    certificate: str | None
    """File with the certificates that the server's must come from; None: the system's or ``certifi``'s."""
    client_key: str | None
    client_certificate: str | None
    insecure: bool
    """gRPC only: without TLS."""
    credential_provider: str | None
    """Name in the entry point group ``opentelemetry_otlp_credential_provider``."""
    mistakes: tuple[str, ...] = ()
    """One sentence for each value that could not be used; defaults stand in for them, except for an endpoint."""
    usable: bool = True
    """Whether the endpoint is one: if not, nothing is sent anywhere else instead."""


def read_otlp_settings(signal: Signal, protocol: Protocol, env: Mapping[str, str]) -> OtlpSettings:
    """Return how ``signal`` is sent. What is set for the signal comes before what is set for all; empty is not set.

    ``OTEL_EXPORTER_OTLP_TIMEOUT`` is in seconds, as in all of OpenTelemetry for Python, though the specification says
    milliseconds.
    """
    read = _Reader(signal, env)
    endpoint, usable = _endpoint(read, signal, protocol)
    certificate = read.file("CERTIFICATE")
    client_key = read.file("CLIENT_KEY")
    client_certificate = read.file("CLIENT_CERTIFICATE")
    if client_key and not client_certificate:
        read.mistakes.append(
            f"{read.where('CLIENT_KEY')} is set and OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE is not; a key is of no use without "
            "its certificate"
        )
    return OtlpSettings(
        endpoint,
        _headers(read),
        _timeout_s(read),
        _compression(read, protocol),
        certificate,
        client_key,
        client_certificate,
        _insecure(read, endpoint),
        _credential_provider(signal, protocol, env),
        tuple(read.mistakes),
        usable,
    )


class _Reader:
    """Finds a value under the signal's own name, then under the shared one."""

    def __init__(self, signal: Signal, env: Mapping[str, str]) -> None:
        self._own = f"OTEL_EXPORTER_OTLP_{signal.upper()}_"
        self._env = env
        self.mistakes: list[str] = []

    def where(self, key: str) -> str:
        """Return the variable that ``key`` is read from."""
        own = self._own + key
        return own if self._env.get(own, "").strip() else f"OTEL_EXPORTER_OTLP_{key}"

    def text(self, key: str) -> str:
        return self._env.get(self.where(key), "").strip()

    def has_own(self, key: str) -> bool:
        return self.where(key).startswith(self._own)

    def wrong(self, key: str, expected: str, *, shown: bool = True) -> None:
        found = f"is {self.text(key)!r}" if shown else "can't be used"
        self.mistakes.append(f"{self.where(key)} {found}; expected {expected}")

    def file(self, key: str) -> str | None:
        path = self.text(key)
        if path and not os.access(path, os.R_OK):
            self.wrong(key, "a file that can be read")
        return path or None


def _endpoint(read: _Reader, signal: Signal, protocol: Protocol) -> tuple[str, bool]:
    found = read.text("ENDPOINT")
    endpoint = found or _DEFAULT_ENDPOINT[protocol]
    is_http = protocol == "http/protobuf"
    try:
        url = urlsplit(endpoint if is_http or "://" in endpoint else f"//{endpoint}")
        # Reading the port raises if it is no number.
        good = bool(url.hostname) and (url.port is None or url.port > 0) and url.scheme in ("http", "https")
        good = good or (not is_http and bool(url.hostname) and not url.scheme)
        good = good or (not is_http and url.scheme in ("unix", "dns", "ipv4", "ipv6"))
    except ValueError:
        good = False
    if not good:
        # Not shown: a password may stand in it.
        expected = "a URL like http://localhost:4318" if is_http else "a URL like http://localhost:4317, or host:port"
        read.wrong("ENDPOINT", expected, shown=False)
    if is_http and not read.has_own("ENDPOINT"):
        endpoint = f"{endpoint.rstrip('/')}/v1/{signal}"
    return endpoint, good


def _headers(read: _Reader) -> dict[str, str]:
    headers = {}
    for number, header in enumerate(read.text("HEADERS").split(","), 1):
        if not header.strip():
            continue
        name, equals, value = header.partition("=")
        # The specification wants both percent-encoded; what people write plainly is taken too.
        name, value = unquote(name).strip().lower(), unquote(value).strip()
        if not equals or not _HEADER_NAME.fullmatch(name) or _CONTROL.search(value):
            # Without what was written: it may be a secret.
            read.mistakes.append(
                f"header {number} in {read.where('HEADERS')} can't be used; expected name=value,name=value"
            )
            continue
        headers[name] = value
    return headers


def _timeout_s(read: _Reader) -> float:
    text = read.text("TIMEOUT")
    if not text:
        return DEFAULT_TIMEOUT_S
    try:
        timeout_s = float(text)
    except ValueError:
        timeout_s = math.nan
    # Zero waits for nothing, and so never gets an answer.
    if not timeout_s > 0:
        read.wrong("TIMEOUT", f"seconds above 0; {DEFAULT_TIMEOUT_S:g} are used")
        return DEFAULT_TIMEOUT_S
    return timeout_s


def _compression(read: _Reader, protocol: Protocol) -> Compression:
    text = read.text("COMPRESSION").lower() or "none"
    for known in _COMPRESSIONS[protocol]:
        if text == known:
            return known
    read.wrong("COMPRESSION", f"one of {', '.join(_COMPRESSIONS[protocol])}; nothing is compressed")
    return "none"


def _insecure(read: _Reader, endpoint: str) -> bool:
    # The specification: the scheme decides; the variable is for endpoints without one.
    if endpoint.startswith(("http://", "https://")):
        return endpoint.startswith("http://")
    text = read.text("INSECURE").lower()
    if text not in ("", "true", "false"):
        read.wrong("INSECURE", "true or false; TLS is used")
    return text == "true"


def _credential_provider(signal: Signal, protocol: Protocol, env: Mapping[str, str]) -> str | None:
    kind = "HTTP" if protocol == "http/protobuf" else "GRPC"
    shared = env.get(f"OTEL_PYTHON_EXPORTER_OTLP_{kind}_CREDENTIAL_PROVIDER", "").strip()
    own = env.get(f"OTEL_PYTHON_EXPORTER_OTLP_{kind}_{signal.upper()}_CREDENTIAL_PROVIDER", "").strip()
    # As the stock exporters have it: over HTTP the shared one wins.
    return (shared or own if kind == "HTTP" else own or shared) or None
