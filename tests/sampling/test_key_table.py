"""What is known of each key, in bounded memory."""

from __future__ import annotations

import tracemalloc

from otelkit.sampling.key_table import REST, Entry, KeyTable
from otelkit.testing import FakeClock
from tests.sampling.arrivals import adaptive

WINDOW_S = 10.0


def table(max_keys: int) -> KeyTable:
    return KeyTable(max_keys, "adaptive", 0)


def test_there_are_never_more_keys_than_told() -> None:
    """One more is not taken in while the others still come."""
    kept = table(2)
    entries = [kept.add(("p", name), 1.0, 0) for name in "abc"]
    kept.find_idle(WINDOW_S)

    assert [entry is not None for entry in entries] == [True, True, False]
    assert kept.add(("p", "d"), 1.0, 0) is None
    assert [entry.key for entry in kept] == [("p", "a"), ("p", "b"), REST]


def test_only_a_key_that_has_ceased_makes_room() -> None:
    """Not one that has come again since."""
    kept = table(3)
    frequent, back, ceased = (kept.add(("p", name), rate, 0) for name, rate in (("a", 1.0), ("b", 0.001), ("c", 0.001)))
    kept.find_idle(WINDOW_S)
    assert back is not None
    back.arrivals += 1
    new = kept.add(("p", "d"), 1.0, 0)

    assert None not in (frequent, ceased, new)
    assert set(kept.entries) == {("p", "a"), ("p", "b"), ("p", "d")}
    assert kept.add(("p", "e"), 1.0, 0) is None


def test_keys_without_room_are_counted_window_by_window() -> None:
    """Each once, and never more than there is room for: so the rest cannot take the whole target from the keys told apart."""
    kept = table(3)
    for _ in range(2):
        kept.turn_away(("p", "x"))
        kept.turn_away(("p", "y"))

    assert kept.rest.keys == 2
    kept.count_rest_anew()
    kept.turn_away(("p", "x"))
    assert kept.rest.keys == 2
    kept.count_rest_anew()
    assert kept.rest.keys == 1
    assert not kept.is_crowded

    for number in range(100):
        kept.turn_away(("p", f"{number}"))
    assert kept.rest.keys == 3
    assert kept.is_crowded


def test_a_program_whose_spans_are_named_by_their_ids_does_not_fill_the_memory() -> None:
    """100,000 names, each seen once: a table of 100 stays one, and all are decided on and counted."""
    sampler, _ = adaptive(100.0, max_keys=100)
    held = []
    tracemalloc.start()
    try:
        for number in range(20):
            for name in range(5_000):
                sampler.should_sample(None, (1 << 127) | (name << 40), f"GET /items/{number}-{name}")
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    figures = [figure.value for figure in sampler.figures() if figure.metric == "otelkit.sampling.decisions"]

    assert len(sampler.controller.table.entries) == 100
    assert sum(figures) == 100_000
    assert held[-1] - held[0] < 50_000


def test_expected_is_the_sum_of_the_probabilities_at_which_traces_came() -> None:
    """Also when the probability changes in between."""
    entry = Entry(("p", "a"), 1.0, FakeClock().monotonic_ns(), "adaptive")
    entry.arrivals += 10
    entry.use(0.25)
    entry.arrivals += 8
    entry.use(0.5)
    entry.arrivals += 4

    assert entry.take_expected() == 10 + 2 + 2
    entry.arrivals += 2
    assert entry.take_expected() == 1


def test_an_entry_that_is_not_changed_keeps_its_odds() -> None:
    """What kept traces carry is made once."""
    entry = Entry(("p", "a"), 1.0, 0, "adaptive")
    entry.use(1 / 3.5)
    before = (entry.likelier, entry.other)
    entry.use(1 / 3.6)

    assert (entry.likelier, entry.other) == before
    assert (entry.likelier.one_in, entry.other.one_in) == (3, 4)
