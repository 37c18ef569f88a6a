"""The end of a program: bounded in time and without loss, whatever the network does."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otelkit.delivery.spool import read_spool
from tests.delivery import network
from tests.otlp_server import otlp_server

pytestmark = pytest.mark.sdk

ROOT = Path(__file__).parents[2]

# As `_assembly.install` wires it: one chain, one exporter per signal, an exit that tells the exporters first.
PROGRAM = """
import atexit, json, sys, time
from pathlib import Path
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from otelkit._assembly.encoders import encoder
from otelkit.delivery.exporters import DeliveredMetricExporter, DeliveredSpanExporter
from otelkit.delivery.notice import Notice
from otelkit.delivery.spool import Spool
from otelkit.ledger.ledger import Ledger
from otelkit.spans.chain import Chain
from otelkit.spans.outbox import Outbox

url, folder, limit_s, spans, flush = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
ledger = Ledger()
around = {"account": ledger, "spool": Spool(folder, 10**8, ledger), "notice": Notice(folder)}
traces = f"{url}/v1/traces"
exporter = DeliveredSpanExporter(
    "otlp", lambda: OTLPSpanExporter(traces), endpoint=traces, encode=encoder("traces"), **around)
metrics = f"{url}/v1/metrics"
metric_exporter = DeliveredMetricExporter(
    "otlp", lambda: OTLPMetricExporter(metrics), endpoint=metrics, encode=encoder("metrics"), **around)
processor = Outbox(Chain([], exporter.export, account=ledger), ledger, limit=100_000, batch=500, delay_s=0.5,
                           destinations=[exporter])
provider = TracerProvider(shutdown_on_exit=False)
provider.add_span_processor(processor)
meters = MeterProvider([PeriodicExportingMetricReader(metric_exporter, 60_000)], shutdown_on_exit=False)

def finish():
    began = time.monotonic()
    metric_exporter.exit_by(began + limit_s)
    processor.exit_by(began + limit_s)
    provider.shutdown()
    try:
        meters.shutdown(max(0.0, (began + limit_s - time.monotonic()) * 1000))
    except Exception:
        pass  # the SDK raises when the time is over
    report = {"took_s": time.monotonic() - began, "report": ledger.report(final=True)}
    for signal, counts in ledger.snapshot().items():
        report[signal] = [counts.created, counts.delivered, counts.spooled, counts.pending]
    print(json.dumps(report))

atexit.register(finish)
tracer = provider.get_tracer("t")
counter = meters.get_meter("t").create_counter("done")
for number in range(spans):
    with tracer.start_as_current_span(f"s{number}"):
        counter.add(1)
if flush == "flush":
    processor.force_flush(300)
"""


def run(url: str, folder: Path, *, limit_s: float = 1.0, spans: int = 1200, flush: bool = False) -> dict[str, Any]:
    """Run the program and return what it says at its end; ``stderr`` is what the user saw."""
    began = time.monotonic()
    arguments = [url, str(folder), str(limit_s), str(spans), "flush" if flush else "no"]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    # Not a measurement: the servers hold on for much longer than any slow machine needs.
    assert time.monotonic() - began < 30
    return result | {"stderr": done.stderr}


def run_in_time(url: str, folder: Path, *, limit_s: float, flush: bool) -> dict[str, Any]:
    """Run the program, again if this machine was so busy that the time was over before all could be written.

    What is missing then must be in the report. A program that always needs more time than it has is a failure.
    """
    for number in range(5):
        result = run(url, folder / str(number), limit_s=limit_s, flush=flush)
        result["names"] = span_names(folder / str(number))
        if result["took_s"] < limit_s:
            break
        created, delivered, spooled, pending = result["traces"]
        assert (created, delivered, spooled + pending) == (1200, 0, 1200)
        assert not pending or result["report"] is not None
    return result


def span_names(folder: Path) -> list[str]:
    return [
        span.name
        for request in read_spool(folder)
        if request.signal == "traces"
        for group in ExportTraceServiceRequest.FromString(request.body).resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]


def test_a_healthy_receiver_gets_everything_and_nothing_is_spooled(tmp_path: Path) -> None:
    """Although the program ends right after its last span, before any delay has passed."""
    with otlp_server() as server:
        result = run(server.url, tmp_path, limit_s=20.0)
        arrived = [span.name for span in server.spans]
        points = server.points

    assert sorted(arrived) == sorted(f"s{number}" for number in range(1200))
    assert [point.raw.as_int for point in points] == [1200]
    assert (result["traces"], result["metrics"]) == ([1200, 1200, 0, 0], [1, 1, 0, 0])
    assert (result["report"], result["stderr"]) == (None, "")
    assert span_names(tmp_path) == []


@contextmanager
def nobody() -> Iterator[str]:
    yield network.refused()


BAD: dict[str, Callable[[], Any]] = {
    "refuses": nobody,
    "never answers": lambda: network.server(network.silent),
    "answers a byte at a time": lambda: network.server(network.dripping),
    "answers 503": lambda: network.server(network.answering(503)),
    "dies in the middle": lambda: network.server(network.dying),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
@pytest.mark.parametrize("flush", [False, True], ids=["at its end", "after a flush"])
def test_a_bad_network_neither_delays_the_end_nor_costs_a_span(
    tmp_path: Path, bad: Callable[[], Any], flush: bool
) -> None:
    """Everything is on disk, the account adds up, and stderr has one line."""
    with bad() as url:
        result = run_in_time(url, tmp_path, limit_s=1.5, flush=flush)

    assert sorted(result["names"]) == sorted(f"s{number}" for number in range(1200))
    assert (result["traces"], result["metrics"]) == ([1200, 0, 1200, 0], [1, 0, 1, 0])
    assert result["report"] is None
    assert result["stderr"].count("\n") == 1
    assert result["stderr"].startswith("otelkit: ")
    # Generous: this machine may be slow. The stock exporters wait 10 s and longer.
    assert result["took_s"] < 1.5 + 3


def test_no_time_at_all_is_no_loss_without_a_line(tmp_path: Path) -> None:
    """With an exit limit of nothing, whatever could not be spooled is in the report."""
    with network.server(network.silent) as url:
        result = run(url, tmp_path, limit_s=0.0)

    created, delivered, spooled, pending = result["traces"]
    assert (created, delivered) == (1200, 0)
    assert spooled + pending <= 1200
    assert (result["report"] is None) == (spooled == 1200)


KILLED = (
    PROGRAM
    + """
print("made", flush=True)
time.sleep(60)
"""
)


def test_a_killed_program_leaves_whole_requests(tmp_path: Path) -> None:
    """kill -9 while it spools: what had been spooled before is there."""
    arguments = [network.refused(), str(tmp_path), "1", "1200", "flush"]
    program = subprocess.Popen(
        [sys.executable, "-c", KILLED, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "made\n"
    program.kill()
    program.wait()
    program.stdout.close()

    assert sorted(span_names(tmp_path)) == sorted(f"s{number}" for number in range(1200))
