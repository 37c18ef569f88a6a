"""How long a scrape takes: 10,000 points as text for Prometheus."""

from __future__ import annotations

import gc
import importlib
import random
import time
from collections.abc import Callable
from functools import partial
from types import ModuleType

from opentelemetry.sdk.metrics import MeterProvider

from benchmarks.contestants import forget_the_environment
from benchmarks.harness import Figures, alternate
from benchmarks.report import Column, Goal, Report
from otelkit.metrics import bound_metrics
from otelkit.metrics.scrape_reader import ScrapeReader

METRICS, SERIES = 10, 1_000

HANDLES = "otelkit, bound handles"
HANDLES_UNCHANGED = "otelkit, bound handles, nothing changed"
HANDLES_OPEN = "otelkit, bound handles, OpenMetrics"
INSTRUMENTS = "otelkit, the SDK's instruments"
INSTRUMENTS_OPEN = "otelkit, the SDK's instruments, OpenMetrics"
STOCK = "stock SDK, PrometheusMetricReader"
CLIENT = "prometheus_client"

Scrape = Callable[[], str]


def measure(quick: bool) -> Report:
    """Measure scrapes of the same points, changed before each, in turns."""
    forget_the_environment()
    chance = random.Random(1)
    scrapes: dict[str, tuple[Callable[[float], object], Scrape]] = {**_handles(), **_instruments()}
    absent = []
    for name, module, make in (
        (STOCK, "opentelemetry.exporter.prometheus", _stock),
        (CLIENT, "prometheus_client", _client),
    ):
        try:
            scrapes[name] = make(importlib.import_module(module))
        except ImportError:
            absent.append(f"{name} is not installed, so it is left out; `make bench` brings it.")
    # The points of the others are not this one's garbage to look through.
    gc.collect()
    gc.freeze()
    contest = alternate(
        {name: partial(turn, change, scrape, chance) for name, (change, scrape) in scrapes.items()},
        rounds=3 if quick else 25,
    )
    return Report(
        "exposition",
        f"A scrape of {METRICS * SERIES:,} points",
        (Column("CPU ms per scrape"), Column("best"), Column("median")),
        [(name, contest.best(name, "ms"), contest.median(name, "ms")) for name in scrapes],
        goals=[Goal(name, contest.median(name, "ms"), 5, "ms") for name in (HANDLES, HANDLES_OPEN, HANDLES_UNCHANGED)],
        ratios={
            f"{name}, in steps of the yardstick": contest.in_yardsticks(name, "ms", 1e3)
            for name in scrapes
            if name not in (STOCK, CLIENT)
        },
        notes=(
            f"{METRICS} counters of {SERIES:,} series with three labels each, every point changed before each scrape unless it",
            "says otherwise. A scrape is everything from the question to the text. Each text was checked to have all points.",
            *absent,
        ),
        contest=contest,
    )


def turn(change: Callable[[float], object], scrape: Scrape, chance: random.Random) -> Figures:
    """Change all points, scrape, and return the ``ms`` of CPU time that the scrape takes.

    Raises:
        RuntimeError: Points are missing.
    """
    change(chance.random())
    gc.collect()
    began = time.thread_time_ns()
    text = scrape()
    ended = time.thread_time_ns()
    if (found := text.count("series=")) != METRICS * SERIES:
        raise RuntimeError(f"{found} points were served of {METRICS * SERIES}")
    return {"ms": (ended - began) / 1e6}


def _labels(series: int) -> dict[str, str]:
    return {"pipeline": "benchmark", "stage": f"stage-{series % 40}", "series": str(series)}


def _handles() -> dict[str, tuple[Callable[[float], object], Scrape]]:
    reader = ScrapeReader()
    metrics = bound_metrics("benchmark.handles", MeterProvider([reader], shutdown_on_exit=False))
    adds = [
        metrics.counter(f"handles.{metric}", _labels(series)).add
        for metric in range(METRICS)
        for series in range(SERIES)
    ]

    def change(value: float) -> None:
        for add in adds:
            add(value)

    return {
        HANDLES: (change, reader.scrape),
        HANDLES_OPEN: (change, partial(reader.scrape, openmetrics=True)),
        HANDLES_UNCHANGED: (lambda value: None, reader.scrape),
    }


def _instruments() -> dict[str, tuple[Callable[[float], object], Scrape]]:
    reader = ScrapeReader()
    change = _changing(MeterProvider([reader], shutdown_on_exit=False))
    return {INSTRUMENTS: (change, reader.scrape), INSTRUMENTS_OPEN: (change, partial(reader.scrape, openmetrics=True))}


def _changing(provider: MeterProvider) -> Callable[[float], object]:
    counters = [provider.get_meter("benchmark").create_counter(f"counter.{metric}") for metric in range(METRICS)]
    labels = [_labels(series) for series in range(SERIES)]

    def change(value: float) -> None:
        for counter in counters:
            for one in labels:
                counter.add(value, one)

    return change


def _stock(module: ModuleType) -> tuple[Callable[[float], object], Scrape]:
    client = importlib.import_module("prometheus_client")
    registry = client.CollectorRegistry()
    try:
        reader = module.PrometheusMetricReader(registry=registry)
    except TypeError:  # older ones know the process-wide registry only
        reader, registry = module.PrometheusMetricReader(), client.REGISTRY
    change = _changing(MeterProvider([reader], shutdown_on_exit=False))
    return change, lambda: client.generate_latest(registry).decode()


def _client(module: ModuleType) -> tuple[Callable[[float], object], Scrape]:
    registry = module.CollectorRegistry()
    counters = [
        module.Counter(f"client_{metric}", "A counter.", list(_labels(0)), registry=registry)
        for metric in range(METRICS)
    ]
    series = [counter.labels(**_labels(number)) for counter in counters for number in range(SERIES)]
    # `_created` is a point of its own that the others do not have.
    module.disable_created_metrics()

    def change(value: float) -> None:
        for one in series:
            one.inc(value)

    return change, lambda: module.generate_latest(registry).decode()
