"""When the metrics of a child are collected to be kept safe, and when only its calls are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from otelkit._assembly import metric_seal
from otelkit._assembly.metric_seal import MetricSeal
from otelkit.metrics import provider


class Exporter:
    """Notes what it is told to keep."""

    keeps_states = True

    def __init__(self) -> None:
        self.did: list[Any] = []

    def put_state(self, number: int, data: object) -> None:
        self.did.append((number, data))

    def seal_states(self, timeout_s: float) -> bool:
        self.did.append("written")
        return True

    def seal(self, collect: Callable[[], None], timeout_s: float) -> bool:
        collect()
        self.did.append("all")
        return True


class Calls:
    """Stands in for `RedStates`."""

    def __init__(self) -> None:
        self.ended: list[tuple[int, object]] = []

    def changed(self) -> list[tuple[int, object]]:
        changed, self.ended = self.ended, []
        return changed


@pytest.fixture(autouse=True)
def _nobody_records() -> Iterator[None]:
    asked, provider._asked = provider._asked, False
    yield
    provider._asked = asked


@pytest.fixture
def exporter() -> Exporter:
    return Exporter()


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def seal(exporter: Any, calls: Any, monkeypatch: pytest.MonkeyPatch) -> MetricSeal:
    monkeypatch.setattr(metric_seal, "_REST", 1e9)
    return MetricSeal(exporter, lambda: None, calls)


def test_everything_is_collected_now_and_then_and_calls_are_kept_always(
    seal: MetricSeal, exporter: Exporter, calls: Calls
) -> None:
    """First everything, since a child may live for one call; then what has changed, until a collection is due."""
    for number in range(3):
        calls.ended.append((number, "durations"))
        assert seal.seal(5) is True

    assert exporter.did == ["all", (1, "durations"), "written", (2, "durations"), "written"]


def test_what_was_left_out_is_caught_up_once(seal: MetricSeal, exporter: Exporter) -> None:
    """In the background, when the child may not have ended another stage for long."""
    seal.catch_up(1)
    seal.seal(5)
    seal.catch_up(1)
    seal.seal(5)
    seal.catch_up(1)
    seal.catch_up(1)

    assert exporter.did == ["all", "written", "all"]


def test_where_the_program_records_everything_is_collected_each_time(seal: MetricSeal, exporter: Exporter) -> None:
    """Only a collection sees what it has recorded."""
    seal.seal(5)
    seal.seal(5)
    provider.process_provider()
    seal.seal(5)
    seal.seal(5)

    assert exporter.did == ["all", "written", "all", "all"]


def test_where_there_is_nowhere_to_keep_them_they_are_collected_and_sent(seal: MetricSeal, exporter: Exporter) -> None:
    """`seal` of the exporter does that when its file can't be written."""
    seal.seal(5)
    exporter.keeps_states = False
    seal.seal(5)

    assert exporter.did == ["all", "all"]


def test_a_collection_that_fails_costs_no_calls(exporter: Any, calls: Any) -> None:
    """The SDK raises bare exceptions when a callback of the program's is late."""

    def late() -> None:
        raise Exception("timed out")

    calls.ended.append((7, "durations"))

    assert MetricSeal(exporter, late, calls).seal(5) is True
    assert exporter.did == [(7, "durations"), "written"]
