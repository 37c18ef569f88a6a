"""Two tiers of real Collectors: one that shares traces out, two that decide on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.backends.collector import Collector, collector
from tests.backends.configurations import from_page
from tests.backends.prometheus import Prometheus
from tests.backends.sampled_calls import assert_true, heaviest, make, weights
from tests.backends.span_counts import SpanCounts
from tests.backends.tail_tier import arrived, decided, tail_tier
from tests.waiting import wait_until

pytestmark = pytest.mark.backends

TRACES = 20_000


@dataclass(frozen=True, slots=True)
class Tiers:
    """What runs."""

    first: Collector
    second: Sequence[SpanCounts]


@pytest.fixture
def tiers(prometheus: Prometheus, tmp_path: Path) -> Iterator[Tiers]:
    with ExitStack() as stack:
        second = [stack.enter_context(tail_tier(tmp_path / name, prometheus)) for name in ("a", "b")]
        places = {
            f"SECOND_TIER_{name}": one.collector.grpc.removeprefix("http://")
            for name, one in zip("AB", second, strict=True)
        }
        config = from_page("The first tier")
        first = stack.enter_context(collector(tmp_path / "first", config, PROMETHEUS=prometheus.url, **places))
        yield Tiers(first, second)


def test_each_trace_comes_to_one_collector_of_two(tiers: Tiers, tmp_path: Path) -> None:
    """Each decides on about half of the traces, none on a part of one, and what the two count adds up to the truth."""
    made = make(tmp_path / "program", tiers.first.url, "tiers", TRACES, OTEL_TRACES_SAMPLER="otelkit_ratio")
    wait_until(lambda: sum(map(arrived, tiers.second)) == sum(map(decided, tiers.second)) == TRACES, 60.0)
    wait_until(lambda: all(one.handed_on() for one in tiers.second), 60.0)

    def kept() -> tuple[list[Any], list[Any]]:
        one, other = (tier.spans("tiers") for tier in tiers.second)
        return one, other

    def counted() -> bool:
        one, other = kept()
        sums = {kind: float(round(sum(found))) for kind, found in weights(one + other).items()}
        return tiers.second[0].of("tiers") == sums  # one Prometheus has the counts of both

    wait_until(counted, 60.0)
    one, other = kept()

    assert not {span.trace_id for span in one} & {span.trace_id for span in other}
    assert all(0.4 * TRACES < arrived(tier) < 0.6 * TRACES for tier in tiers.second)
    assert sum(tier.collector.own("otelcol_receiver_accepted_spans") for tier in tiers.second) == made.delivered
    assert_true(tiers.second[0].of("tiers"), made, heaviest(one + other, made))
