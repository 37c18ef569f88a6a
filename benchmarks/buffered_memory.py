"""What an ended span weighs while it waits to be sent."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.harness import Figures, alternate
from benchmarks.programs import environment
from benchmarks.report import Column, Goal, Report

SPANS = 20_000

OURS = "otelkit stage"
OURS_DESCRIBED = "otelkit stage with an item and two arguments"
STOCK = "stock SDK span"
STOCK_ATTRIBUTES = "stock SDK span with the stage's attributes"

_FRAME = """
import gc, os, sys, tracemalloc
spans = int(sys.argv[1])
{setup}
for number in range(100):
    call(f"item-{{number:07}}")
gc.collect()
tracemalloc.start()
for number in range(spans):
    call(f"item-{{number:07}}")
gc.collect()
held = tracemalloc.get_traced_memory()[0]
print(held / spans, flush=True)
os._exit(0)  # whoever is told to take what is held never answers
"""
_OURS = """
import otelkit
otelkit.configure(stages=[], log_correlation=False, export_delay_s=60, store_dir=sys.argv[2])
"""
_STOCK = """
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), max_queue_size=1 << 17, schedule_delay_millis=60_000))
tracer = provider.get_tracer("benchmark")
"""
_PROGRAMS = {
    OURS: f"""{_OURS}
@otelkit.stage("work", pipeline="benchmark")
def work(path, codec, rate): pass
call = lambda path: work(1, 2, 3)
""",
    OURS_DESCRIBED: f"""{_OURS}
@otelkit.stage("work", pipeline="benchmark", item="path")
def work(path, codec, rate): pass
call = lambda path: work(path, "flac", 48_000)
""",
    STOCK: f"""{_STOCK}
call = lambda path: tracer.start_span("work").end()
""",
    STOCK_ATTRIBUTES: f"""{_STOCK}
kept = {{"pipeline.name": "benchmark", "pipeline.stage.name": "work", "pipeline.stage.kind": "function",
        "code.function.name": "app.work", "pipeline.stage.outcome": "ok"}}
call = lambda path: tracer.start_span("work", attributes={{**kept, "pipeline.item.id": path}}).end()
""",
}


def measure(quick: bool) -> Report:
    """Measure what stays allocated after calls in a row, in processes of their own, while the receiver never answers."""
    with tempfile.TemporaryDirectory(prefix="otelkit-bench-") as scratch, socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        # Connections are made by the system and then nobody speaks: what is sent stays unanswered, hence in memory.
        silent.listen(128)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        contest = alternate(
            {name: partial(turn, _FRAME.format(setup=setup), url, Path(scratch)) for name, setup in _PROGRAMS.items()},
            rounds=1 if quick else 3,
            warm_up=0,
        )
    return Report(
        "buffered_memory",
        "What an ended span weighs while it waits",
        (Column("bytes per span"), Column("least", "{:,.0f}"), Column("median", "{:,.0f}")),
        [(name, contest.best(name, "bytes"), contest.median(name, "bytes")) for name in _PROGRAMS],
        goals=(
            Goal(OURS, contest.median(OURS, "bytes"), 500, "bytes"),
            Goal(OURS_DESCRIBED, contest.median(OURS_DESCRIBED, "bytes"), 500, "bytes"),
        ),
        ratios={
            f"{name}, beside the {STOCK_ATTRIBUTES}": contest.ratio(name, STOCK_ATTRIBUTES, "bytes")
            for name in (OURS, OURS_DESCRIBED)
        },
        notes=(
            f"What tracemalloc finds allocated after {SPANS:,} calls in a row, by spans: the spans in whatever form they wait,",
            "encoded requests, and everything that was made for them on the way. The receiver takes connections and never",
            "answers. Items and paths are of twelve characters.",
        ),
        contest=contest,
    )


def turn(program: str, url: str, scratch: Path) -> Figures:
    """Run one program and return its ``bytes`` per span."""
    done = subprocess.run(
        [sys.executable, "-c", program, str(SPANS), str(scratch)],
        env=environment(OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_METRICS_EXPORTER="none", OTEL_LOGS_EXPORTER="none"),
        cwd=scratch,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the program ended with {done.returncode}:\n{done.stderr}")
    return {"bytes": float(done.stdout)}
