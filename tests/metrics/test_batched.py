"""Histograms in batches, met by the garbage collector."""

from __future__ import annotations

import gc
import threading

import pytest

from otelkit.metrics.batched import BatchedHistogram
from tests.metrics.collected import Collected

pytestmark = pytest.mark.sdk


@pytest.fixture
def collected() -> Collected:
    return Collected()


def test_a_finalizer_that_has_everything_handed_over_puts_it_off(collected: Collected) -> None:
    """It neither hangs nor asks for the SDK's locks; the next collection outside of the garbage collector has the values."""
    histogram = collected.provider.get_meter("app").create_histogram("took")
    batched = BatchedHistogram(histogram, (1.0,))
    series = batched.series({})
    inside = []

    class Finalized:
        def __init__(self) -> None:
            self.cycle = self

        def __del__(self) -> None:
            series.put([0.5])
            batched.hand_over()
            inside.append(True)

    def collect() -> None:
        Finalized()
        gc.collect()

    thread = threading.Thread(target=collect, daemon=True)
    thread.start()
    thread.join(20)
    assert inside == [True]
    before = collected.metrics()
    batched.hand_over()

    assert "took" not in before
    assert collected.points("took") == {(): (1, 0.5)}
