"""The benchmark of one stage call measures what it says."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry import context

from benchmarks.contestants import Arrived, Contestant, not_sampled, work
from benchmarks.contestants_peers import peers
from benchmarks.contestants_stock import stock
from benchmarks.programs import environment, run
from benchmarks.sink import running
from benchmarks.stage_call import idle_flush_ms, turn


@pytest.fixture
def url() -> Iterator[str]:
    with running() as url:
        yield url


def test_the_stock_contestants_do_what_they_are_named(url: str) -> None:
    """A span arrives for each sampled call and none for a call below an unsampled parent; all return what `work` returns."""
    contestants = stock(url, Arrived(url))
    for contestant in contestants.values():
        figures = turn(contestant, 50)
        assert 0 < figures["inline_us"] <= figures["cpu_us"]
        assert contestant.call("abc") == 3
        contestant.flush()

    assert [contestant.makes_spans for contestant in contestants.values()] == [False, False, True, True]


def test_our_contestants_do_what_they_are_named(tmp_path: Path, url: str) -> None:
    """Likewise, in a process of their own, since otelkit is configured there; the histogram counts sampled or not."""
    script = f"""
from pathlib import Path
from benchmarks.contestants import Arrived
from benchmarks.contestants_ours import ours
from benchmarks.sink import histogram_count
from benchmarks.stage_call import idle_flush_ms, turn
contestants = ours({url!r}, Path({str(tmp_path)!r}), Arrived({url!r}))
for contestant in contestants.values():
    turn(contestant, 50)
    assert contestant.call("abc") == 3
    contestant.flush()
print([contestant.makes_spans for contestant in contestants.values()], histogram_count({url!r}, "pipeline.stage.duration"))
"""
    root = Path(__file__).parents[2]
    ran = run([sys.executable, "-c", script], environment(PYTHONPATH=str(root)), tmp_path)

    # Three that are configured with 51 calls each, and the call outside of a turn of the one that is not within.
    assert ran.output.split("\n")[0] == "[False, False, True, True] 154"


def test_a_peer_that_is_not_installed_is_named(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table says who is missing, and how to get them."""
    for module in ("logfire", "ddtrace.trace", "sentry_sdk"):
        monkeypatch.setitem(sys.modules, module, None)
    found, absent = peers(url, Arrived(url))

    assert found == {}
    assert [line.split()[0] for line in absent] == ["logfire", "ddtrace", "sentry_sdk"]
    assert all("make bench" in line for line in absent)


def test_losing_spans_is_no_result() -> None:
    """A contestant that drops spans is not measured but reported."""
    with pytest.raises(RuntimeError, match="50 calls made 0 spans"):
        turn(Contestant(work, makes_spans=True), 50)


def test_the_unsampled_parent_is_in_force_only_within() -> None:
    """Afterwards the context is as it was."""
    before = context.get_current()
    with not_sampled():
        inside = context.get_current()

    assert context.get_current() == before != inside


def test_an_idle_flush_is_measured_without_its_first() -> None:
    """What is still pending is flushed before, and of many flushes the median counts."""
    flushed: list[int] = []

    assert idle_flush_ms(Contestant(work, lambda: flushed.append(1))) >= 0
    assert len(flushed) == 21
