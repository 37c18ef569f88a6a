"""The receiver's benchmark."""

from __future__ import annotations

import pytest

from benchmarks import receiver_store
from benchmarks.made_spans import SPANS_A_REQUEST, requests


def test_a_turn_through_the_receiver_stores_every_span() -> None:
    """What is measured is a receiver that stored everything; its memory and the bytes on disk are told with it."""
    figures = receiver_store.through_receiver(list(requests(2 * SPANS_A_REQUEST, 3)))

    assert set(figures) == {"us", "bytes", "peak_mib"}
    assert 50 < figures["bytes"] < 1_000
    assert figures["peak_mib"] > 10


def test_a_receiver_that_loses_spans_is_no_contestant() -> None:
    """A benchmark of something that does not work fails instead of showing a good number."""
    body = next(requests(SPANS_A_REQUEST, 0))
    with pytest.raises(RuntimeError, match="4000 spans were sent and 2000 stored"):
        receiver_store.decode_and_write([body, body])
