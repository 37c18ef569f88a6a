"""The Collector's second tier of sampling, behind otelkit's own samplers: what it keeps, and what the counts then say."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.prometheus import Prometheus
from tests.backends.sampled_calls import ERROR, UNSET, Made, assert_true, heaviest, make, weights
from tests.backends.span_counts import SpanCounts
from tests.backends.tail_tier import arrived, decided, tail_tier
from tests.waiting import wait_until

pytestmark = pytest.mark.backends

TRACES = 20_000


@pytest.fixture(scope="module")
def tier(prometheus: Prometheus, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpanCounts]:
    with tail_tier(tmp_path_factory.mktemp("tier"), prometheus) as it:
        yield it


def send(tier: SpanCounts, folder: Path, service: str, sampler: str, argument: str, **env: str) -> Made:
    """Run the program and wait until the tier has decided on each of its traces."""
    before = arrived(tier)
    # The tier remembers traces: each service has its own, the same in each run of the tests.
    made = make(folder, tier.collector.url, service, TRACES, seed=zlib.crc32(service.encode()),
                OTEL_TRACES_SAMPLER=sampler, OTEL_TRACES_SAMPLER_ARG=argument, **env)  # fmt: skip
    wait_until(lambda: before < arrived(tier) == decided(tier), 60.0)
    return made


def policies(tier: SpanCounts, service: str) -> dict[str, set[int]]:
    """Return for each policy the weights of the spans that it kept."""
    found: dict[str, set[int]] = {}
    for scope in (scope for request in tier.requests(service) for scope in request):
        (policy,) = (p.value.string_value for p in scope.scope.attributes if p.key == "tailsampling.policy")
        for one in weights(scope.spans).values():
            found.setdefault(policy, set()).update(round(weight) for weight in one)
    return found


@pytest.mark.parametrize(("share", "expected"), [("1", (1, 4)), ("0.5", (2, 4)), ("0.1", (10, 10))])
def test_counts_stay_true_through_both_tiers(
    tier: SpanCounts, tmp_path: Path, share: str, expected: tuple[int, int]
) -> None:
    """Errors and slow traces leave as they came, the others at a quarter, or at less if they came with less."""
    service = f"tier-{share}"
    made = send(tier, tmp_path, service, "otelkit_ratio", share)
    counted = tier.settle(service)
    special, normal = expected
    kept = policies(tier, service)

    assert kept == {"error": {special}, "slow": {special}, "normal": {normal}}
    assert_true(
        counted,
        made,
        {(name, status): special if status == ERROR or name == "wait" else normal for name, status in made.calls},
    )


def test_what_the_tail_sampler_decides_stands(tier: SpanCounts, tmp_path: Path) -> None:
    """Errors and slow traces are all counted one by one; a tenth of the others arrives, stays and stands for all."""
    made = send(tier, tmp_path, "tier-tail", "otelkit_tail", "0.1", OTEL_PYTHON_OTELKIT_SAMPLING_SLOW_THRESHOLD_S="1")
    counted = tier.settle("tier-tail")
    errors = {kind: calls for kind, calls in made.calls.items() if kind[1] == ERROR}
    spans = tier.spans("tier-tail")

    assert len(spans) == made.delivered
    assert {kind: counted[kind] for kind in errors} == errors
    assert_true(counted, made, heaviest(spans, made))


def test_traces_that_were_fetched_back_stay(tier: SpanCounts, tmp_path: Path) -> None:
    """What a program sends because of an error, from the memory of what it did not keep, all comes out of the tier."""
    made = send(tier, tmp_path, "tier-ring", "otelkit_tail", "0.1", OTEL_PYTHON_OTELKIT_SAMPLING_KEEP_ON="ValueError")
    wait_until(tier.handed_on, 60.0)
    wait_until(lambda: len(tier.spans("tier-ring")) == made.delivered)
    reasons = Counter(
        pair.value.string_value
        for span in tier.spans("tier-ring")
        for pair in span.attributes
        if pair.key == "otelkit.sampling.reason"
    )

    assert reasons["retroactive"] > reasons["normal"] > 0


def test_without_the_gate_what_was_thinned_is_not_made_up_for(prometheus: Prometheus, tmp_path: Path) -> None:
    """`th` stays as it arrived: the same test fails, with a quarter of the normal calls counted."""
    with tail_tier(tmp_path / "collector", prometheus, gates=()) as closed:
        made = send(closed, tmp_path / "program", "closed", "otelkit_ratio", "1")
        counted = closed.settle("closed")

    with pytest.raises(AssertionError, match=r"of \d+ ±"):
        assert_true(counted, made, dict.fromkeys(made.calls, 4))
    assert 0.2 < counted["encode", UNSET] / made.calls["encode", UNSET] < 0.3


def test_spans_that_arrive_without_a_probability_stay_too_few(tier: SpanCounts, tmp_path: Path) -> None:
    """The tier can only tell its own part: with OpenTelemetry's ratio sampler at one half, half of the calls are missing."""
    made = send(tier, tmp_path, "tier-stock", "parentbased_traceidratio", "0.5")
    counted = tier.settle("tier-stock")

    assert policies(tier, "tier-stock")["normal"] == {4}
    assert 0.4 < counted["encode", UNSET] / made.calls["encode", UNSET] < 0.6
