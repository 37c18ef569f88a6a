"""The environment in which ``otelkit run`` starts a program, so that it is instrumented and sends to the right place."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

_SIGNALS = ("TRACES", "METRICS", "LOGS")
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"
_HEADERS = "OTEL_EXPORTER_OTLP_HEADERS"
RUN_ID = "OTEL_PYTHON_OTELKIT_RUN_ID"
RUN_NAME = "OTEL_PYTHON_OTELKIT_RUN_NAME"
_AROUND = "OTELKIT_RUN_AROUND"
"""Names the run to an `otelkit run` inside of it, which then leaves table, summary and the run's end to the outer one."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the program sends its telemetry."""

    http: str
    """Endpoint for OTLP over HTTP."""
    grpc: str | None
    """Endpoint for OTLP over gRPC, if there is one."""
    token: str | None = None


def instrumented(env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with which a Python program instruments itself, as ``opentelemetry-instrument`` makes it.

    That command is a Python program that sets ``PYTHONPATH`` and then replaces itself. Doing the same here saves its start,
    and the program keeps the name by which it was called.
    """
    folder = auto_instrumentation_folder()
    path = [part for part in env.get("PYTHONPATH", "").split(os.pathsep) if part and part != folder]
    here = str(Path.cwd())
    if here not in path:
        path.insert(0, here)
    return {**env, "PYTHONPATH": os.pathsep.join([folder, *path])}


@cache
def auto_instrumentation_folder() -> str:
    """Return the folder whose ``sitecustomize`` starts OpenTelemetry in a Python program."""
    spec = find_spec("opentelemetry.instrumentation.auto_instrumentation")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).resolve().parent)


def sending(
    env: Mapping[str, str], to: Destination, *, run_id: str, run_name: str, service_name: str
) -> dict[str, str]:
    """Return the environment with everything set that the user has not set: where to send, and which run it is."""
    wanted = {f"OTEL_{signal}_EXPORTER": "otlp" for signal in _SIGNALS}
    protocol = env.get(PROTOCOL) or "http/protobuf"
    wanted[PROTOCOL] = protocol
    wanted[ENDPOINT] = to.grpc if protocol == "grpc" and to.grpc is not None else to.http
    # Often enough to see stages move while they run.
    wanted["OTEL_METRIC_EXPORT_INTERVAL"] = "1000"
    # Which of several installed distributions is taken would else depend on the order in which they are found.
    wanted["OTEL_PYTHON_DISTRO"] = wanted["OTEL_PYTHON_CONFIGURATOR"] = "otelkit"
    wanted[RUN_ID] = wanted[_AROUND] = run_id
    wanted[RUN_NAME] = run_name
    if "service.name=" not in env.get("OTEL_RESOURCE_ATTRIBUTES", "").replace(" ", ""):
        wanted["OTEL_SERVICE_NAME"] = service_name
    # An empty variable counts as unset, as OpenTelemetry's specification asks.
    made = {**env, **{name: value for name, value in wanted.items() if not env.get(name)}}
    return made if to.token is None else {**made, **_bearing(to.token, env)}


def _bearing(token: str, env: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for headers, with the token beside what the user has set; an authorization of theirs stays."""
    shown = "authorization=" + quote(f"Bearer {token}")
    made = {_HEADERS: shown}
    # Where a signal has headers of its own, exporters do not look at the common ones.
    for name in (_HEADERS, *(f"OTEL_EXPORTER_OTLP_{signal}_HEADERS" for signal in _SIGNALS)):
        headers = env.get(name)
        if headers:
            names = {header.partition("=")[0].strip().lower() for header in headers.split(",")}
            made[name] = headers if "authorization" in names else f"{headers},{shown}"
    return made


def sends_elsewhere(env: Mapping[str, str]) -> str | None:
    """Return the endpoint that the user has chosen for the traces; None if it is left to us."""
    return env.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or env.get(ENDPOINT) or None


def is_inside(env: Mapping[str, str]) -> bool:
    """Return whether an ``otelkit run`` around this one tells of the run that both belong to."""
    return bool(env.get(RUN_ID)) and env.get(_AROUND) == env.get(RUN_ID)


def wants_grpc(env: Mapping[str, str]) -> bool:
    """Return whether the user has chosen gRPC for any signal."""
    names = (PROTOCOL, *(f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL" for signal in _SIGNALS))
    return any(env.get(name) == "grpc" for name in names)
