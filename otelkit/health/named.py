"""Samplers, exporters, propagators and protocols that ``OTEL_*`` variables ask for and nothing installed answers to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import entry_points
from typing import Final

from otelkit.health.variables import parts_of, value_of
from otelkit.model.checks import Finding, Severity
from otelkit.settings import nearest

SIGNALS: Final = ("traces", "metrics", "logs")
EXPORTER_BY_PROTOCOL: Final[Mapping[str, str]] = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}
"""What the exporter name ``otlp`` stands for, by protocol."""


def find_wrong_names(env: Mapping[str, str], samplers: Iterable[str] = ()) -> Iterator[Finding]:
    """Yield a finding for each name that is asked for and not there.

    Args:
        env: The environment in which the program would be started.
        samplers: Names offered by plugins, beside those in entry points.
    """
    sampler = value_of(env, "OTEL_TRACES_SAMPLER")
    known = {*samplers, *_installed("opentelemetry_traces_sampler")}
    if sampler and not {sampler, sampler.lower()} & known:
        yield unknown_name(
            "OTEL_TRACES_SAMPLER", "sampler", sampler, known, "Every trace is kept until it is corrected."
        )
    for signal in SIGNALS:
        yield from _find_wrong_exporters(signal, env)
    yield from _find_wrong_protocols(env)
    propagators = {*_installed("opentelemetry_propagator"), "none"}
    for name in parts_of(env, "OTEL_PROPAGATORS"):
        if name not in propagators:
            yield unknown_name(
                "OTEL_PROPAGATORS", "propagator", name, propagators, "Contexts are not passed on that way."
            )
    generator = value_of(env, "OTEL_PYTHON_ID_GENERATOR")
    generators = _installed("opentelemetry_id_generator")
    if generator and generator not in generators:
        yield unknown_name("OTEL_PYTHON_ID_GENERATOR", "id generator", generator, generators, "Random ids are used.")


def unknown_name(variable: str, kind: str, name: str, known: Iterable[str], why: str) -> Finding:
    """Return the finding for a name that nothing installed answers to.

    Args:
        variable: Where it was found.
        kind: What it should be: ``sampler``.
        name: What it says.
        known: The names that there are.
        why: What is so until it is corrected.
    """
    names = sorted(known)
    close = nearest(name, names)
    hint = f"Did you mean {close}?" if close else f"Known are: {', '.join(names) or 'none'}."
    return Finding(
        "name.unknown",
        Severity.ERROR,
        f"{variable} asks for the {kind} {name!r}, which is not there. {hint}",
        why,
        f"Set {variable} to {close}, or install what brings {name!r}." if close else f"Correct or unset {variable}.",
    )


def exporters_of(signal: str, env: Mapping[str, str]) -> list[str]:
    """Return the exporter names that are asked for; ``otlp`` if none is, as otelkit does."""
    names = parts_of(env, f"OTEL_{signal.upper()}_EXPORTER") or ["otlp"]
    return [name for name in names if name.lower() != "none"]


def protocol_of(signal: str, env: Mapping[str, str]) -> tuple[str, str]:
    """Return (protocol, variable that says so) for a signal; the variable is empty for the default."""
    for variable in (f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        protocol = value_of(env, variable)
        if protocol:
            return protocol, variable
    return "http/protobuf", ""


def _find_wrong_exporters(signal: str, env: Mapping[str, str]) -> Iterator[Finding]:
    known = {*_installed(f"opentelemetry_{signal}_exporter"), "otlp", "none"}
    for name in exporters_of(signal, env):
        if name not in known:
            variable = f"OTEL_{signal.upper()}_EXPORTER"
            yield unknown_name(variable, "exporter", name, known, f"No {signal} go there.")


def _find_wrong_protocols(env: Mapping[str, str]) -> Iterator[Finding]:
    affected: dict[tuple[str, str], list[str]] = {}
    for signal in SIGNALS:
        if "otlp" in exporters_of(signal, env):
            affected.setdefault(protocol_of(signal, env), []).append(signal)
    for (protocol, variable), signals in affected.items():
        why = f"Nothing of {', '.join(signals)} is exported over OTLP."
        exporter = EXPORTER_BY_PROTOCOL.get(protocol)
        if exporter is None:
            yield unknown_name(variable, "protocol", protocol, EXPORTER_BY_PROTOCOL, why)
        elif any(exporter not in _installed(f"opentelemetry_{signal}_exporter") for signal in signals):
            yield Finding(
                "name.package_missing",
                Severity.ERROR,
                f"The protocol is {protocol} ({variable or 'by default'}), but the package with its exporter is not there.",
                why,
                "pip install 'otelkit[grpc]'" if protocol == "grpc" else "pip install --force-reinstall otelkit",
            )


def _installed(group: str) -> set[str]:
    return {entry.name for entry in entry_points(group=group)}
