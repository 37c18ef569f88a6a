"""Values that any encoder can take."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import pytest

from otelkit.logs.values import MAX_ENTRIES, clean_text, clean_value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (1.5, 1.5),
        ("é", "é"),
        (b"\xff", b"\xff"),
        ((1, 2), [1, 2]),
        ((1, "a", None), ["1", "a", None]),
        (OrderedDict(a=1), {"a": 1}),
        ({1: None}, {"1": None}),
        (Path("a/b"), "a/b"),
        (1 << 63, str(1 << 63)),
    ],
)
def test_plain_values_stay_and_others_become_texts(value: object, expected: object) -> None:
    """Containers keep their shape."""
    assert clean_value(value) == expected


def test_containers_are_bounded_in_length_and_depth() -> None:
    """A great table on a log record does not become a great request."""
    nested: list[object] = ["deep"]
    for _ in range(10):
        nested = [nested]

    assert len(clean_value(list(range(1000)))) == MAX_ENTRIES
    assert len(clean_value({number: number for number in range(1000)})) == MAX_ENTRIES
    assert clean_value(nested) == [[[[str(nested[0][0][0][0])]]]]


def test_subclasses_of_texts_and_numbers_run_no_code_of_their_own() -> None:
    """Their plain value is taken."""

    class Odd(str):
        def __str__(self) -> str:
            raise RuntimeError

    assert clean_value(Odd("a")) == "a"


def test_a_text_is_cut_where_it_hurts_least() -> None:
    """Beginning and end stay, and the loss is told."""
    assert clean_text("a" * 50 + "b" * 50, limit=10) == "aaaaa… [90 characters left out] …bbbbb"
