"""The decorators of logfire, ddtrace and sentry, each as near to its own way as it works without its maker's servers."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from benchmarks.catalogue import Unavailable
from benchmarks.contestants import FLUSH_S, Arrived, Contestant, work

_MANY = 1 << 17
"""Above the spans of a turn: nobody is fast by losing spans."""


def peers(url: str, arrived: Arrived) -> tuple[dict[str, Contestant], list[str]]:
    """Return the peers that are installed, and one sentence for each that is not."""
    found: dict[str, Contestant] = {}
    absent = []
    makers: Mapping[tuple[str, str], Callable[[ModuleType], Contestant]] = {
        ("logfire", "instrument"): lambda logfire: _logfire(logfire, url, arrived),
        ("ddtrace.trace", "tracer.wrap"): _ddtrace,
        ("sentry_sdk", "trace"): _sentry,
    }
    os.environ.update(DD_INSTRUMENTATION_TELEMETRY_ENABLED="false", DD_REMOTE_CONFIGURATION_ENABLED="false")
    for (module, decorator), make in makers.items():
        try:
            found[f"{module}.{decorator}"] = make(_imported(module))
        except Unavailable as error:
            absent.append(f"{error}, so it is left out; `make bench` brings it.")
    return found, absent


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise Unavailable(f"{name.partition('.')[0]} is not installed") from error


def _logfire(logfire: Any, url: str, arrived: Arrived) -> Contestant:
    """Return logfire's decorator with OTLP to the sink instead of its own service, printing nothing."""
    exporter = OTLPSpanExporter(f"{url}/v1/traces")
    instance = logfire.configure(
        local=True,
        send_to_logfire=False,
        console=False,
        metrics=False,
        inspect_arguments=False,
        additional_span_processors=[BatchSpanProcessor(exporter, max_queue_size=_MANY)],
    )
    return Contestant(
        instance.instrument("work {path}")(work),
        lambda: instance.force_flush(int(FLUSH_S * 1000)),
        arrived,
        makes_spans=True,
    )


def _ddtrace(datadog: Any) -> Contestant:
    """Return ddtrace's decorator without an agent: a trace filter takes everything out before it would be encoded."""

    class Discard(datadog.TraceFilter):  # type: ignore[misc]  # known only where ddtrace is installed
        count = 0

        def process_trace(self, spans: list[object]) -> None:
            self.count += len(spans)

    discard = Discard()
    datadog.tracer.configure(trace_processors=[discard])
    return Contestant(datadog.tracer.wrap("work")(work), exported=lambda: discard.count, makes_spans=True)


def _sentry(sentry: Any) -> Contestant:
    """Return sentry's decorator in one transaction a turn, encoded as an envelope and thrown away."""
    transports = importlib.import_module("sentry_sdk.transport")

    class Discard(transports.Transport):  # type: ignore[misc, name-defined]  # known only where sentry is installed
        count = 0

        def capture_envelope(self, envelope: Any) -> None:
            envelope.serialize()
            Discard.count += sum(
                len(item.payload.json["spans"]) for item in envelope.items if item.type == "transaction"
            )

    sentry.init(
        dsn="http://key@127.0.0.1:1/1",
        transport=Discard,
        traces_sample_rate=1.0,
        default_integrations=False,
        auto_enabling_integrations=False,
        auto_session_tracking=False,
        _experiments={"max_spans": _MANY},
    )
    return Contestant(
        sentry.trace(work),
        sentry.flush,
        lambda: Discard.count,
        makes_spans=True,
        around=lambda: sentry.start_transaction(name="turn", op="benchmark"),
    )
