"""A program that counts its own calls, and how far chance may take these counts when they are computed from its samples."""

from __future__ import annotations

import itertools
import json
import math
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opentelemetry.trace import TraceState

from otelkit.sampling import tracestate
from tests.drills.programs import ended, prepare
from tests.programs import clean_environment

Kind = tuple[str, str]
"""Calls that are counted together: span name, and Prometheus's word for the status."""

UNSET = "STATUS_CODE_UNSET"
ERROR = "STATUS_CODE_ERROR"

_PROGRAM = """
    import account, collections, json, otelkit, random, time
    from opentelemetry import trace

    # Trace ids come from here: each run makes the same ones.
    random.seed({seed})
    traffic = random.Random({seed} + 1)
    keys = ["encode", "decode", "parse", "embed", "store", "rare"]
    shares = [1 / rank**1.1 for rank in range(1, len(keys) + 1)]
    calls = collections.Counter()
    squares = collections.Counter()

    tracer = trace.get_tracer("mix")

    def call(key):
        fails, slow = traffic.random() < 0.01, traffic.random() < 0.02
        steps = traffic.randrange(3)
        for kind, number in ((key + "!" * fails, 1), ("step", steps), ("wait", slow)):
            calls[kind] += number
            squares[kind] += number**2
        with otelkit.stage(key, pipeline="mix"):
            if slow:
                tracer.start_span("wait", start_time=time.time_ns() - 2_000_000_000).end()
            for _ in range(steps):
                with otelkit.stage("step", pipeline="mix"):
                    pass
            if fails:
                raise ValueError(key)

    for key in traffic.choices(keys, shares, k={traces}):
        try:
            call(key)
        except ValueError:
            pass
    print(json.dumps([calls, squares]), otelkit.flush(60))
"""
"""Traces of one to three stage calls, keys as unequal as in life, one of a hundred failing, two of a hundred slow.

What makes a trace slow is a span of the stock SDK that says it has taken two seconds.
"""

STANDARD_ERRORS = 4
"""How far a count may be off. Chance exceeds that in one count of 16,000; the numbers are seeded, so never or always."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a program did, by its own account."""

    calls: Mapping[Kind, int]
    squares: Mapping[Kind, int]
    """Σ over the traces of (calls in the trace)²."""
    delivered: int
    """Spans that it has sent, and that were taken."""

    def __add__(self, other: Made) -> Made:
        """Return what two programs did together."""
        return Made(
            Counter(self.calls) + Counter(other.calls),
            Counter(self.squares) + Counter(other.squares),
            self.delivered + other.delivered,
        )

    @property
    def by_name(self) -> dict[str, int]:
        """Calls by span name, failed ones included."""
        counts: dict[str, int] = {}
        for (name, _), count in self.calls.items():
            counts[name] = counts.get(name, 0) + count
        return counts


def make(folder: Path, url: str, service: str, traces: int, *, seed: int = 20_261_121, **env: str) -> Made:
    """Run the program to its end and return what it did; fail unless all that it kept was delivered."""
    folder.mkdir(exist_ok=True)
    process = subprocess.Popen(
        prepare(folder, _PROGRAM.format(seed=seed, traces=traces)),
        cwd=folder,
        env=clean_environment(OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_SERVICE_NAME=service, **env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    done = ended(folder, process)
    assert done.code == 0, done.stderr
    counts, _, flushed = done.stdout.strip().rpartition(" ")
    assert flushed == "True", done.stderr
    done.spans.check()
    assert (done.spans.lost, done.spans.spooled) == ({}, 0), done.stderr
    calls, squares = (
        {(key.rstrip("!"), ERROR if key.endswith("!") else UNSET): number for key, number in one.items()}
        for one in json.loads(counts)
    )
    return Made(calls, squares, done.spans.delivered)


def weight(span: Any) -> float:
    """Return how many spans a span (protobuf) stands for, 1/p; fail if its ``tracestate`` does not tell."""
    threshold = tracestate.threshold_of(TraceState.from_header([span.trace_state]))
    assert threshold is not None, f"{span.name} has tracestate {span.trace_state!r}"
    return tracestate.SCALE / (tracestate.SCALE - threshold)


def weights(spans: Iterable[Any]) -> dict[Kind, list[float]]:
    """Return the weights of all spans (protobuf) of each kind."""
    found: dict[Kind, list[float]] = {}
    for span in spans:
        found.setdefault(kind_of(span), []).append(weight(span))
    return found


def kind_of(span: Any) -> Kind:
    """Return as what a span (protobuf) is counted."""
    return span.name, ERROR if span.status.code == 2 else UNSET


def rounding_variances(requests: Iterable[Iterable[Any]]) -> dict[Kind, float]:
    """Return the variance that the Collector adds to the counts of these requests' spans (protobuf), by rounding weights.

    It rounds 1/p up or down at random, so that it is right on average, once for each run of spans in a request that have
    the same ``tracestate``: L spans of a kind in a run add L²·f(1-f), f the fraction of 1/p.
    """
    variances: dict[Kind, float] = {}
    for spans in requests:
        for _, run in itertools.groupby(spans, lambda span: span.trace_state):
            members = list(run)
            fraction = weight(members[0]) % 1
            for kind, length in Counter(map(kind_of, members)).items():
                variances[kind] = variances.get(kind, 0.0) + length**2 * fraction * (1 - fraction)
    return variances


def heaviest(spans: Iterable[Any], made: Made) -> dict[Kind, float]:
    """Return the largest weight of each kind of calls; where none of a kind was kept, the largest of all."""
    found = {kind: max(one) for kind, one in weights(spans).items()}
    return {kind: found.get(kind, max(found.values())) for kind in made.calls}


def assert_true(counted: Mapping[Kind, float], made: Made, heaviest: Mapping[Kind, float]) -> None:
    """Fail unless each count is within 4 standard errors of what the program did.

    A trace with m calls of a kind that is kept with probability p adds m/p if it is kept: the sum is unbiased, and its
    variance is Σ m²·(1/p - 1) over all traces, so at most Σ m² times the largest 1/p - 1.

    Args:
        counted: What the backend says, by kind.
        made: What was.
        heaviest: The largest 1/p of each kind.
    """
    for kind, calls in made.calls.items():
        error = math.sqrt(made.squares[kind] * (heaviest[kind] - 1))
        off = abs(counted.get(kind, 0.0) - calls)

        assert off <= STANDARD_ERRORS * error + 1e-6, f"{kind}: {counted.get(kind)} of {calls} ± {error:.1f}: {counted}"
    assert set(counted) <= set(made.calls)
