"""Ids that count."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from otelkit.testing import CountingIds


def test_ids_count_from_one_and_are_never_given_twice() -> None:
    """Also with several threads."""
    ids = CountingIds()

    assert [ids.generate_trace_id(), ids.generate_trace_id(), ids.generate_span_id()] == [1, 2, 1]
    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(lambda _: ids.generate_span_id(), range(100))) == list(range(2, 102))
