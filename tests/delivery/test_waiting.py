"""What waits to be sent, in bounded memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from otelkit.delivery.waiting import OVERHEAD_BYTES, Waiting


def fitting(number: int) -> int:
    """Return the limit that so many bodies of one byte just fit in."""
    return number * (OVERHEAD_BYTES + 1)


def bodies(waiting: Waiting, most_bytes: int = 1) -> list[bytes]:
    return [parcel.body for parcel in waiting.claim_all(most_bytes)]


def test_what_is_put_comes_out_in_order() -> None:
    """Errors and others by when they were put."""
    waiting = Waiting(10_000)
    for body, is_error in ((b"1", False), (b"2", True), (b"3", False), (b"4", True)):
        assert waiting.put(body, 1, is_error=is_error) == 0

    assert bodies(waiting) == [b"1", b"2", b"3", b"4"]
    assert (waiting.bytes, waiting.items) == (0, 0)


def test_errors_make_room_for_themselves_newest_first() -> None:
    """And are dropped only when nothing else is left."""
    waiting = Waiting(fitting(3))
    for body in (b"1", b"2", b"3"):
        waiting.put(body, 10)

    assert waiting.put(b"4", 5) == 5
    assert [waiting.put(body, 1, is_error=True) for body in (b"a", b"b", b"c", b"d")] == [10, 10, 10, 1]
    assert bodies(waiting) == [b"a", b"b", b"c"]


def test_what_is_larger_than_the_limit_is_taken_when_nothing_else_is_there() -> None:
    """Else it could never be sent, and it takes its memory anyway."""
    waiting = Waiting(100)

    assert waiting.put(bytes(1000), 7) == 0
    assert waiting.put(b"x", 2) == 2
    assert waiting.items == 7


def test_only_one_has_a_parcel() -> None:
    """What is being sent can be claimed by whoever has no more time, and then not by the sender."""
    waiting = Waiting(10_000)
    waiting.put(b"1", 1)
    parcel = waiting.take(10)
    assert parcel is not None
    waiting.recall()
    again = waiting.take(10)
    assert again is not None

    assert waiting.claim(again)
    assert (waiting.claim(again), waiting.claim(parcel), waiting.put_back(parcel)) == (False, False, False)
    assert waiting.has_until(1)
    waiting.forget(again)
    assert not waiting.has_until(1)


def test_a_parcel_that_is_put_back_is_the_first_again() -> None:
    """And goes out in parts, if it was refused as a whole."""
    waiting = Waiting(10_000)
    for body in (b"1", b"2"):
        waiting.put(body, 1)
    parcel = waiting.take(10)
    assert parcel is not None
    waiting.put(b"3", 1)
    waiting.put_back(parcel, alone=True)

    assert bodies(waiting, 10) == [b"1", b"2", b"3"]


@given(
    st.integers(1, 10),
    st.lists(st.tuples(st.sampled_from(["put", "error", "take", "back", "claim", "recall"]), st.integers(1, 300))),
)
def test_the_account_of_what_waits_always_adds_up(limit: int, moves: list[tuple[str, int]]) -> None:
    """Whatever is done in whatever order: nothing is forgotten or had twice, and the limit holds."""
    waiting = Waiting(fitting(limit))
    put = dropped = had = 0
    out = []
    for move, number in moves:
        if move in ("put", "error"):
            put += number
            dropped += waiting.put(bytes(number), number, is_error=move == "error")
        elif move == "take":
            if (parcel := waiting.take(number)) is not None:
                out.append(parcel)
        elif move == "recall":
            waiting.recall()
        elif out:
            parcel = out.pop()
            if move == "back":
                waiting.put_back(parcel)
            elif waiting.claim(parcel):
                had += parcel.count
                waiting.forget(parcel)
        assert waiting.items == put - dropped - had
        assert waiting.bytes <= max(fitting(limit), 300 + OVERHEAD_BYTES)
    waiting.recall()
    had += sum(parcel.count for parcel in waiting.claim_all(500))

    assert had + dropped == put
    assert (waiting.bytes, waiting.items) == (0, 0)
