"""The book of decisions."""

from __future__ import annotations

import os

import pytest

from otelkit import names
from otelkit.sampling.decisions import DecisionBook
from tests.forking import in_child


def counts(book: DecisionBook) -> list[tuple[float, dict[str, object]]]:
    return [
        (figure.value, dict(figure.attributes))
        for figure in book.figures()
        if figure.metric == names.METRIC_SAMPLING_DECISIONS
    ]


def test_decisions_are_counted_by_class_place_and_outcome() -> None:
    """Two kept and one not, of the same class and stage."""
    book = DecisionBook()
    for kept in (True, True, False):
        book.count("error", "nightly", "parse", kept=kept)
    said = {
        names.SAMPLING_CLASS: "error",
        names.PIPELINE_NAME: "nightly",
        names.STAGE_NAME: "parse",
    }

    assert [(2, {**said, names.SAMPLING_KEPT: True}), (1, {**said, names.SAMPLING_KEPT: False})] == counts(book)
    assert book.decided() == {"error": (2, 3)}


def test_places_beyond_the_limit_share_one_series() -> None:
    """Ten thousand stages make a bounded number of series, and none is uncounted."""
    book = DecisionBook()
    for number in range(10_000):
        book.count("normal", "nightly", str(number), kept=False)
    told = counts(book)

    assert len(told) == 201
    assert sum(value for value, _ in told) == 10_000
    assert sum(names.METRIC_OVERFLOW in said for _, said in told) == 1


def test_the_mean_probability_follows_what_is_new() -> None:
    """What was a quarter of an hour ago does not count any more."""
    book = DecisionBook()
    for number in range(1000):
        book.probability("normal", 1.0, number)
    for number in range(1000):
        book.probability("normal", 0.1, 900_000_000_000 + number)
    (figure,) = [figure for figure in book.figures() if figure.metric == names.METRIC_SAMPLING_PROBABILITY]

    assert figure.value == pytest.approx(0.1, abs=1e-4)
    assert dict(figure.attributes) == {names.SAMPLING_CLASS: "normal"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_forked_child_counts_from_zero() -> None:
    """What the parent has decided is told by the parent."""
    book = DecisionBook()
    book.count("error", "nightly", "parse", kept=True)

    assert in_child(lambda: str(list(book.figures()))) == "[]"
    assert len(counts(book)) == 1


def test_a_clock_that_is_set_back_does_not_hold_up_the_mean_probability() -> None:
    """What came a quarter of an hour before does not count, though the clock was set back by an hour in between."""
    book = DecisionBook()
    for number in range(1000):
        book.probability("normal", 1.0, 7200 * 10**9 + number)
    book.probability("normal", 0.1, 3600 * 10**9)
    for number in range(1000):
        book.probability("normal", 0.1, 4500 * 10**9 + number)
    (figure,) = [figure for figure in book.figures() if figure.metric == names.METRIC_SAMPLING_PROBABILITY]

    assert figure.value == pytest.approx(0.1, abs=1e-4)
