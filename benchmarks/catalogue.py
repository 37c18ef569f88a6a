"""The benchmarks there are, by name; their modules are imported when they run."""

from __future__ import annotations

import importlib
from typing import Final, Protocol

from benchmarks.report import Report

BENCHMARKS: Final = {
    "stage_call": "one stage call beside the stock SDK's span, logfire's, ddtrace's and sentry's decorators",
    "call_parts": "what a stage call is made of: each part alone, their sum, and the whole",
    "stage_kinds": "what a stage adds to a generator's value, a coroutine's call, a block, a call that raises",
    "sampler_cost": "what each sampler's decision costs where a trace starts",
    "metric_record": "one recorded number by a bound handle, beside the stock SDK's instruments",
    "exposition": "a scrape of 10,000 points as text for Prometheus, beside the stock SDK's and prometheus_client's",
    "buffered_memory": "bytes of an ended span that waits to be sent, beside the stock SDK's",
    "program_start": "what opentelemetry-instrument adds to a program that does nothing",
    "example_overhead": "the syntax pipeline's wall and CPU time with and without otelkit",
    "command_line": "how long the command line takes to answer",
    "time_to_see": "from the end of a stage call to its line in otelkit top; the receiver's memory",
    "receiver_store": "spans per second through the receiver into the store, bytes per span",
    "sampler_comparison": "what nine samplers keep of the same 20,000 traces, what is known from it, what they cost",
    "stage_table": "the stage table's query over a million spans",
}


class Benchmark(Protocol):
    """What a benchmark's module offers."""

    def measure(self, quick: bool) -> Report:
        """Measure and report; ``quick`` is for a look, with fewer and smaller rounds.

        Raises:
            Unavailable: It cannot be measured here.
        """


class Unavailable(Exception):
    """A benchmark cannot run here; the message says what is missing and how to get it."""


def load(name: str) -> Benchmark:
    """Return a benchmark's module.

    Raises:
        Unavailable: Something that it needs is not installed.
    """
    try:
        module: Benchmark = importlib.import_module(f"benchmarks.{name}")
    except ImportError as error:
        raise Unavailable(f"{error}; `make bench` installs what the benchmarks need") from error
    return module
