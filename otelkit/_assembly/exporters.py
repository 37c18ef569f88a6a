"""Which exporters ``OTEL_*`` asks for, resolved one by one, so that a wrong name costs only itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final

from otelkit._assembly.environment import find_entry_point, known_names, names
from otelkit.delivery.otlp_settings import Protocol
from otelkit.model.signals import Signal
from otelkit.settings.nearest import hint

_log = logging.getLogger("otelkit.settings")

_VARIABLE: Final[Mapping[Signal, str]] = {
    "traces": "OTEL_TRACES_EXPORTER",
    "metrics": "OTEL_METRICS_EXPORTER",
    "logs": "OTEL_LOGS_EXPORTER",
}
_BY_PROTOCOL: Final = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}
_PROTOCOLS: Final[Mapping[str, Protocol]] = {"otlp_proto_grpc": "grpc", "otlp_proto_http": "http/protobuf"}
_EXTRA_HINT: Final = "Install the extra: pip install 'otelkit[grpc]'."


@dataclass(frozen=True, slots=True)
class ExporterChoice:
    """One exporter that will be built."""

    signal: Signal
    name: str
    """As the user wrote it, or ``otlp``."""
    factory: Callable[[], Any] | None  # Any: SpanExporter, MetricExporter, MetricReader or LogRecordExporter
    """None where ``protocol`` is set: what writes OTLP is ours."""
    endpoint: str | None
    """Where OTLP goes, over HTTP or gRPC; None for all else."""
    is_otlp: bool
    """Whether what it can't send may be spooled and sent by another OTLP exporter later."""
    protocol: Protocol | None = None
    """How it speaks, where that is OTLP's own affair and no stranger's exporter."""


def choose_exporters(signal: Signal, env: Mapping[str, str]) -> list[ExporterChoice]:
    """Return what to build for a signal; each name that can't be used is logged once with its reason and left out."""
    chosen = []
    for name in names(env, _VARIABLE[signal], "otlp"):
        choice = _choose(signal, name, env)
        if choice is not None:
            chosen.append(choice)
    return chosen


def otlp_endpoint(signal: Signal, env: Mapping[str, str], *, grpc: bool = False) -> str:
    """Return the URL to which OTLP is sent, by OpenTelemetry's rules."""
    own = env.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT", "").strip()
    if own:
        return own
    shared = env.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").strip()
    if grpc:
        return shared or "http://localhost:4317"
    shared = shared or "http://localhost:4318"
    return f"{shared.rstrip('/')}/v1/{signal}"


def _choose(signal: Signal, name: str, env: Mapping[str, str]) -> ExporterChoice | None:
    entry_name = _otlp_entry_name(signal, name, env)
    if entry_name is None:
        return None
    protocol = _PROTOCOLS.get(entry_name)
    if protocol is not None:
        # The stock exporters are not even imported: they bring `requests` and protobuf, 100 ms.
        if protocol == "grpc" and find_spec("grpc") is None:
            _say_missing(signal, name, _EXTRA_HINT)
            return None
        return ExporterChoice(signal, name, None, otlp_endpoint(signal, env, grpc=protocol == "grpc"), True, protocol)
    group = f"opentelemetry_{signal}_exporter"
    entry = find_entry_point(group, entry_name)
    if entry is None:
        _say_missing(signal, name, hint(name, ["none", "otlp", *known_names(group)]))
        return None
    try:
        factory = entry.load()
    except Exception as error:  # noqa: BLE001 - a stranger's module may raise anything at import
        _log.error(
            "the exporter %r (%s) could not be imported: %s: %s. All other telemetry works on.",
            name, _VARIABLE[signal], type(error).__name__, error,
        )  # fmt: skip
        return None
    is_otlp = entry_name.startswith("otlp") or entry_name == "jaeger"
    return ExporterChoice(signal, name, factory, None, is_otlp)


def _say_missing(signal: Signal, name: str, advice: str) -> None:
    _log.error(
        "%s asks for the exporter %r, which is not installed. %s All other telemetry works on.",
        _VARIABLE[signal], name, advice,
    )  # fmt: skip


def _otlp_entry_name(signal: Signal, name: str, env: Mapping[str, str]) -> str | None:
    """Resolve ``otlp`` by the protocol settings; other names stay. None: the protocol is wrong, and it was said."""
    if name != "otlp":
        return name
    for variable in (f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        protocol = env.get(variable, "").strip()
        if protocol:
            if protocol in _BY_PROTOCOL:
                return _BY_PROTOCOL[protocol]
            _log.error(
                "%s is %r; expected one of %s. The signal %s is not exported until it is corrected.",
                variable, protocol, ", ".join(sorted(_BY_PROTOCOL)), signal,
            )  # fmt: skip
            return None
    return "otlp_proto_http"
