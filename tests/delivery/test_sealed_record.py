"""What a sealed file says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from otelkit.delivery.sealed_record import START, Kind, over, record, what_is_left


def request(number: int, body: bytes) -> bytes:
    return record(Kind.REQUEST, "traces", number, count=1, body=body, destination=7) + body


def state(number: int, body: bytes) -> bytes:
    return record(Kind.STATE, "metrics", number, count=2, body=body) + body


def bodies(data: bytes) -> list[bytes]:
    return [each.body for each in what_is_left(data)]


def test_requests_come_back_whole_and_in_order() -> None:
    """With signal, destination and count."""
    (first, second) = what_is_left(START + request(1, b"a") + request(2, b"bc"))

    assert (first.signal, first.destination, first.count, first.body) == ("traces", 7, 1, b"a")
    assert second.body == b"bc"


def test_what_is_done_does_not_come_back() -> None:
    """Wherever that is said: who sends may be faster than who writes."""
    assert bodies(
        START + request(1, b"a") + over(Kind.DONE, "traces", [1, 3]) + request(2, b"b") + request(3, b"c")
    ) == [b"b"]


def test_numbers_are_those_of_a_signal() -> None:
    """What is done for one says nothing about another."""
    assert bodies(START + request(1, b"a") + over(Kind.DONE, "logs", [1])) == [b"a"]


def test_the_last_state_of_each_number_counts() -> None:
    """By number, so that the whole comes before its parts; one that is in another record by now does not come back."""
    data = START + state(9, b"part") + state(0, b"old") + state(0, b"new") + state(3, b"gone")
    data += over(Kind.NO_STATE, "metrics", [3])

    assert bodies(data) == [b"new", b"part"]
    assert bodies(data + state(3, b"again")) == [b"new", b"again", b"part"]


@given(cut=some.integers(0, 200), flipped=some.integers(0, 199))
def test_a_file_is_good_up_to_where_it_was_cut_or_changed(cut: int, flipped: int) -> None:
    """Whoever is killed while it writes loses what it was writing, and nothing before it."""
    whole = [b"x" * 20, b"y" * 30, b"z" * 40]
    data = START + b"".join(request(number, body) for number, body in enumerate(whole, 1))
    at = flipped % len(data)
    changed = data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]

    assert bodies(data[:cut]) == whole[: len(bodies(data[:cut]))]
    assert bodies(changed) == whole[: len(bodies(changed))]
    assert bodies(data) == whole


def test_a_file_of_another_kind_says_nothing() -> None:
    """Nor one that is empty."""
    assert (what_is_left(b""), what_is_left(b"something else"), what_is_left(START)) == ([], [], [])
