"""Whether somebody is there where telemetry is sent, and speaks the protocol."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.request import getproxies, proxy_bypass

from otelkit.health.destinations import Destination, destinations_of
from otelkit.health.probe import Answer, Speech, probe
from otelkit.health.variables import value_of
from otelkit.model.checks import Finding, Severity

_LIMIT_S: Final = 2.0
_TOTAL_S: Final = 5.0


def find_unreachable(env: Mapping[str, str], *, spools: bool = True) -> Iterator[Finding]:
    """Yield a finding for each destination that does not take what would be sent there.

    Connects to each and, at most, sends an empty request. Takes at most 2 s for one and 5 s in all.

    Args:
        env: The environment in which the program would be started.
        spools: Whether telemetry that can't be sent is kept on disk.
    """
    deadline = time.monotonic() + _TOTAL_S
    deaf: dict[tuple[str, int], Answer] = {}
    said: set[str] = set()
    for destination in destinations_of(env):
        if not destination.host:
            finding: Finding | None = _malformed(destination, value_of(env, destination.source))
        elif _goes_through_proxy(destination):
            continue
        else:
            port = (destination.host, destination.port)
            answer = deaf.get(port)
            if answer is None:
                left = deadline - time.monotonic()
                if left <= 0:
                    return
                answer = probe(destination, env, min(left, _LIMIT_S))
                if answer.speech is not Speech.HTTP1:
                    # Only an HTTP server may answer otherwise for another signal's path.
                    deaf[port] = answer
            finding = _judge(destination, answer, spools)
        if finding is not None and finding.what not in said:
            said.add(finding.what)
            yield finding


def _goes_through_proxy(destination: Destination) -> bool:
    """Return whether the exporter would go through a proxy, which only its HTTP library can judge."""
    if destination.protocol == "grpc":
        return False
    scheme = "https" if destination.tls else "http"
    return scheme in getproxies() and not proxy_bypass(destination.host)


def _judge(destination: Destination, answer: Answer, spools: bool) -> Finding | None:
    match answer.speech:
        case Speech.NOBODY:
            return _nobody(destination, answer, spools)
        case Speech.NO_TLS:
            return Finding(
                "endpoint.tls",
                Severity.ERROR,
                f"No encrypted connection to {destination.place}{_from(destination)}: {answer.error}.",
                "Nothing is delivered there.",
                "Name the server's certificate in OTEL_EXPORTER_OTLP_CERTIFICATE, "
                "or write http:// if the server does not encrypt.",
            )
        case Speech.NOTHING if destination.port not in (4317, 4318):
            return Finding(
                "endpoint.silent",
                Severity.WARNING,
                f"{destination.place}{_from(destination)} takes connections, but does not answer: {answer.error}.",
                "It may not be an OTLP receiver.",
                "Look what listens there, and correct the endpoint.",
            )
        case Speech.HTTP1 if destination.protocol == "http/protobuf":
            return _status(destination, answer.status)
        case Speech.HTTP2 if destination.protocol == "grpc":
            return None
        case Speech.NOTHING if destination.port == (4317 if destination.protocol == "grpc" else 4318):
            return None
        case _:
            return _mixed_up(destination)


def _nobody(destination: Destination, answer: Answer, spools: bool) -> Finding:
    if not destination.source:
        return Finding(
            "endpoint.unreachable",
            Severity.NOTE if spools else Severity.WARNING,
            f"Nothing listens on {destination.place}, where telemetry goes by default.",
            "Telemetry is kept on disk until a receiver is there." if spools else "Telemetry is lost.",
            "Start a receiver with `otelkit up`, or your program with `otelkit run`.",
        )
    return Finding(
        "endpoint.unreachable",
        Severity.ERROR,
        f"{destination.place}{_from(destination)} can't be reached: {answer.error}.",
        "Telemetry is kept on disk until a receiver is there." if spools else "Telemetry is lost.",
        "Start what should listen there, or correct the endpoint.",
    )


def _mixed_up(destination: Destination) -> Finding:
    grpc = destination.protocol == "grpc"
    other = "OTLP over HTTP" if grpc else "OTLP over gRPC"
    port = 4317 if grpc else 4318
    protocol = "http/protobuf" if grpc else "grpc"
    return Finding(
        "endpoint.protocol",
        Severity.ERROR,
        f"{destination.place}{_from(destination)} is for {other}, but the protocol in use is {destination.protocol}.",
        "The receiver can't understand what is sent; nothing is delivered.",
        f"Use port {port} for {destination.protocol}, or set OTEL_EXPORTER_OTLP_PROTOCOL={protocol}"
        + (" (with the extra: pip install 'otelkit[grpc]')." if protocol == "grpc" else "."),
    )


def _status(destination: Destination, status: int) -> Finding | None:
    if status in (404, 405, 501):
        return Finding(
            "endpoint.path",
            Severity.ERROR,
            f"{destination.url}{_from(destination)} answers {status}: it takes no {destination.signal} on that path.",
            "Nothing is delivered there.",
            f"A variable for one signal needs the whole path (…/v1/{destination.signal}); "
            "OTEL_EXPORTER_OTLP_ENDPOINT must not have it.",
        )
    if status in (401, 403):
        return Finding(
            "endpoint.credentials",
            Severity.ERROR,
            f"{destination.url}{_from(destination)} answers {status}: it does not accept who is asking.",
            "Nothing is delivered there.",
            "Put the right key or token into OTEL_EXPORTER_OTLP_HEADERS.",
        )
    return None


def _malformed(destination: Destination, given: str) -> Finding:
    return Finding(
        "endpoint.malformed",
        Severity.ERROR,
        f"{destination.source} is {given!r}; expected a URL such as http://localhost:4318.",
        "Nothing is delivered there.",
        f"Correct {destination.source}.",
    )


def _from(destination: Destination) -> str:
    return f" ({destination.source})" if destination.source else ""
