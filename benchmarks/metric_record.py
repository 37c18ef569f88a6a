"""What one recorded number costs: by a bound handle, and by the stock SDK's instruments."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from itertools import repeat

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from benchmarks.contestants import forget_the_environment
from benchmarks.harness import Figures, alternate
from benchmarks.report import Column, Goal, Report
from otelkit.metrics import bound_metrics

RECORDS = 100_000
THREADS = 4
ATTRIBUTES = {"pipeline.name": "benchmark", "pipeline.stage.name": "work", "codec": "flac"}

KINDS = ("counter", "up-down counter", "gauge", "histogram")
HANDLE, STOCK = "bound handle", "stock SDK"

Record = Callable[[float], object]


def measure(quick: bool) -> Report:
    """Measure records in a row in one thread, and in several at once, in turns.

    Raises:
        RuntimeError: A sum or a count is not what was recorded.
    """
    forget_the_environment()
    reader = InMemoryMetricReader()
    records = recorders(MeterProvider([reader], shutdown_on_exit=False))
    rounds = 3 if quick else 25
    contest = alternate(
        {
            f"{name}{crowd}": partial(turn, record, threads)
            for name, record in records.items()
            for crowd, threads in _CROWDS
        },
        rounds=rounds,
    )
    expected = RECORDS * len(_CROWDS) * (rounds + 1)
    for name, total in totals(reader).items():
        if total != expected:
            raise RuntimeError(f"{name} has {total} of {expected}")
    return Report(
        "metric_record",
        "One recorded number",
        (
            Column("µs per record"),
            Column("best"),
            Column("median"),
            Column(f"{THREADS} threads best"),
            Column("median"),
        ),
        [
            (name, *(figure(name + crowd, "us") for crowd, _ in _CROWDS for figure in (contest.best, contest.median)))
            for name in records
        ],
        goals=[
            Goal(f"{kind} by a bound handle", contest.median(f"{kind}, {HANDLE}", "us"), 0.35, "µs") for kind in KINDS
        ],
        ratios={
            f"{kind}, {HANDLE} beside {STOCK}": contest.ratio(f"{kind}, {HANDLE}", f"{kind}, {STOCK}", "us")
            for kind in KINDS
        },
        notes=(
            f"Each turn: {RECORDS:,} records with {len(ATTRIBUTES)} attributes, in one thread or as many in {THREADS};",
            "CPU time of the process. Both record into one provider of the SDK; all sums and counts were checked to be exact.",
        ),
        contest=contest,
    )


_CROWDS = (("", 1), (f", {THREADS} threads", THREADS))


def recorders(provider: MeterProvider) -> Mapping[str, Record]:
    """Return ways to record into a provider, by kind of instrument and whose it is."""
    metrics = bound_metrics("benchmark.bound", provider)
    meter = provider.get_meter("benchmark.stock")
    counter, up_down = meter.create_counter("stock.counter"), meter.create_up_down_counter("stock.up_down")
    gauge, histogram = meter.create_gauge("stock.gauge"), meter.create_histogram("stock.histogram", "s")
    return {
        f"counter, {HANDLE}": metrics.counter("bound.counter", ATTRIBUTES).add,
        f"counter, {STOCK}": lambda value: counter.add(value, ATTRIBUTES),
        f"up-down counter, {HANDLE}": metrics.up_down_counter("bound.up_down", ATTRIBUTES).add,
        f"up-down counter, {STOCK}": lambda value: up_down.add(value, ATTRIBUTES),
        f"gauge, {HANDLE}": metrics.gauge("bound.gauge", ATTRIBUTES).set,
        f"gauge, {STOCK}": lambda value: gauge.set(value, ATTRIBUTES),
        f"histogram, {HANDLE}": metrics.histogram("bound.histogram", ATTRIBUTES, unit="s").record,
        f"histogram, {STOCK}": lambda value: histogram.record(value, ATTRIBUTES),
    }


def totals(reader: InMemoryMetricReader) -> dict[str, float]:
    """Return the sum of each counter and the count of each histogram, by the metric's name."""
    data = reader.get_metrics_data()
    found: dict[str, float] = {}
    for metric in data.resource_metrics[0].scope_metrics if data is not None else ():
        for one in metric.metrics:
            if "gauge" not in one.name:
                found[one.name] = sum(getattr(point, "count", None) or point.value for point in one.data.data_points)
    return found


def turn(record: Record, threads: int) -> Figures:
    """Record ones, as many per thread as makes the same number in all, and return ``us`` of CPU time per record."""

    def work() -> None:
        for _ in repeat(None, RECORDS // threads):
            record(1)

    workers = [threading.Thread(target=work) for _ in range(threads if threads > 1 else 0)]
    gc.collect()
    began = time.process_time_ns()
    for worker in workers:
        worker.start()
    if not workers:
        work()
    for worker in workers:
        worker.join()
    return {"us": (time.process_time_ns() - began) / RECORDS / 1000}
