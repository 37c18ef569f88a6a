"""How fast the receiver takes spans in, over HTTP and into the store, and how much room they take there."""

from __future__ import annotations

import http.client
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.harness import Contest, Figures, alternate
from benchmarks.made_spans import SPANS_A_REQUEST, requests
from benchmarks.report import Cell, Column, Goal, Report
from otelkit.embedded.store import Store, open_reader
from otelkit.embedded.wire import Decoder

_SENDERS = 2
_RECEIVER = """
import sys
from pathlib import Path
from otelkit._builtin.setting_list import SETTINGS
from otelkit.embedded.service import Service
from otelkit.settings import resolve
service = Service.start(resolve(SETTINGS, env={}), Path(sys.argv[1]), http_port=0, with_grpc=False)
print(service.http_port, flush=True)
sys.stdin.read()
service.stop(60)
"""
_GIB = 1 << 30


def measure(quick: bool) -> Report:
    """Measure spans per second and bytes per span, with 0 and 3 unique attributes a span."""
    bodies = {unique: list(requests(40_000 if quick else 200_000, unique)) for unique in (0, 3)}
    contest = alternate(
        {
            **{f"receiver + store, {unique} unique": partial(through_receiver, bodies[unique]) for unique in bodies},
            **{f"decode + write, {unique} unique": partial(decode_and_write, bodies[unique]) for unique in bodies},
            **{f"decode, {unique} unique": partial(decode, bodies[unique]) for unique in bodies},
            **{f"protobuf's classes, {unique} unique": partial(read_by_protobuf, bodies[unique]) for unique in bodies},
        },
        rounds=3 if quick else 7,
        warm_up=0,
    )
    return Report(
        "receiver_store",
        "Spans into the embedded store",
        (
            Column("what"),
            Column("best spans/s", "{:,.0f}"),
            Column("median spans/s", "{:,.0f}"),
            Column("best µs"),
            Column("bytes/span", "{:.0f}"),
            Column("peak MiB", "{:.0f}"),
        ),
        [row(name, contest) for name in contest.turns],
        goals=(
            Goal("receiver + store, 0 unique attributes", rate(contest, 0), 50_000, "spans/s", at_least=True),
            Goal("receiver + store, 3 unique attributes", rate(contest, 3), 40_000, "spans/s", at_least=True),
            Goal("on disk, 0 unique attributes", size(contest, 0), 200, "bytes/span"),
            Goal("on disk, 3 unique attributes", size(contest, 3), 280, "bytes/span"),
            Goal("receiver's memory", max(peaks(contest)), 150, "MiB"),
        ),
        notes=(
            f"Each turn: {len(bodies[0]):,} requests of {SPANS_A_REQUEST:,} spans with 7 attributes that repeat, to a receiver",
            f"and a store that are new, by {_SENDERS} senders; it ends when the last request is acknowledged, that is, stored.",
            "The requests are made before; senders and receiver share the machine. protobuf's classes: parse, then read each",
            "span's fields and attributes, and nothing else.",
        ),
        contest=contest,
    )


def through_receiver(bodies: list[bytes]) -> Figures:
    """Send everything to a receiver in a process of its own.

    Raises:
        RuntimeError: Not every span was stored: whoever drops its work is fast for the wrong reason.
    """
    with store_folder() as path:
        process = subprocess.Popen(
            [sys.executable, "-c", _RECEIVER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdin is not None
        assert process.stdout is not None
        with process:
            port = int(process.stdout.readline())
            began = time.perf_counter()
            with ThreadPoolExecutor(_SENDERS) as pool:
                list(pool.map(lambda part: send(port, bodies[part::_SENDERS]), range(_SENDERS)))
            took_s = time.perf_counter() - began
            peak_mib = peak_memory_mib(process.pid)
            process.stdin.close()
        return {**figures(path, took_s, len(bodies)), "peak_mib": peak_mib}


def send(port: int, bodies: list[bytes]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for body in bodies:
        while True:
            connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200:
                break
            if answer.status not in (429, 503):
                raise RuntimeError(f"the receiver answered {answer.status}")
            time.sleep(0.05)
    connection.close()


def decode_and_write(bodies: list[bytes]) -> Figures:
    """Decode and store everything, without a receiver."""
    with store_folder() as path:
        decoder = Decoder()
        store = Store.open(path, max_bytes=_GIB, max_age_s=1e9)
        began = time.perf_counter()
        for body in bodies:
            store.write([decoder.decode("traces", body)])
        took_s = time.perf_counter() - began
        store.close()
        return figures(path, took_s, len(bodies))


def decode(bodies: list[bytes]) -> Figures:
    """Decode everything and nothing else."""
    decoder = Decoder()
    began = time.perf_counter()
    for body in bodies:
        decoder.decode("traces", body)
    return {"us": (time.perf_counter() - began) * 1e6 / (len(bodies) * SPANS_A_REQUEST)}


def read_by_protobuf(bodies: list[bytes]) -> Figures:
    """Read everything with the official classes."""
    began = time.perf_counter()
    for body in bodies:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    _ = (span.trace_id, span.span_id, span.parent_span_id, span.name, span.kind, span.flags)
                    _ = (span.start_time_unix_nano, span.end_time_unix_nano, span.status.code)
                    for attribute in span.attributes:
                        value = attribute.value
                        _ = (attribute.key, getattr(value, value.WhichOneof("value")))
    return {"us": (time.perf_counter() - began) * 1e6 / (len(bodies) * SPANS_A_REQUEST)}


def figures(path: Path, took_s: float, count: int) -> dict[str, float]:
    reader = open_reader(path)
    stored = reader.stats()["spans"]
    reader.close()
    sent = count * SPANS_A_REQUEST
    if stored != sent:
        raise RuntimeError(f"{sent} spans were sent and {stored} stored")
    return {"us": took_s * 1e6 / sent, "bytes": path.stat().st_size / sent}


@contextmanager
def store_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="otelkit-bench-") as folder:
        yield Path(folder) / "telemetry.db"


def peak_memory_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def row(name: str, contest: Contest) -> list[Cell]:
    first = contest.turns[name][0]
    return [
        name,
        1e6 / contest.best(name, "us"),
        1e6 / contest.median(name, "us"),
        contest.best(name, "us"),
        contest.median(name, "bytes") if "bytes" in first else None,
        max(contest.series(name, "peak_mib")) if "peak_mib" in first else None,
    ]


def rate(contest: Contest, unique: int) -> float:
    return 1e6 / contest.median(f"receiver + store, {unique} unique", "us")


def size(contest: Contest, unique: int) -> float:
    return contest.median(f"receiver + store, {unique} unique", "bytes")


def peaks(contest: Contest) -> list[float]:
    return [peak for unique in (0, 3) for peak in contest.series(f"receiver + store, {unique} unique", "peak_mib")]
