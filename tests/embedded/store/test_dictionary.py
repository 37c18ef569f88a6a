"""Attributes as a few bytes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from otelkit.embedded.store.dictionary import AttributeDictionary, AttributeReader
from otelkit.embedded.store.schema import TABLES
from otelkit.embedded.wire_values import Attribute, Key
from tests.embedded.otlp import key_values

HOUR = 400_000


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(TABLES)
    yield connection
    connection.close()


def messages(values: dict[str, object]) -> list[bytes]:
    """Return attributes that do not repeat as the decoder hands them on."""
    return [kv.SerializeToString() for kv in key_values(values)]


def attributes(values: dict[str, object]) -> list[Attribute]:
    """Return attributes that repeat as the decoder hands them on."""
    return [Attribute(Key(key), value, raw) for (key, value), raw in zip(values.items(), messages(values), strict=True)]


VALUES: dict[str, object] = {
    "text": "é",
    "long": "x" * 5_000,
    "number": -7,
    "": "empty key",
    "nothing": None,
    "list": [1, "two", [3.0]],
    "k" * 300: b"\x00",
}


def test_attributes_come_back_as_they_were_packed(connection: sqlite3.Connection) -> None:
    """In the dictionary or in place, of whatever type and length: what is read is what was sent."""
    dictionary = AttributeDictionary(connection, HOUR)
    packed, inline = dictionary.pack(attributes(VALUES)), dictionary.pack_inline(messages(VALUES))
    dictionary.write(connection)
    reader = AttributeReader(connection)

    assert reader.values(packed) == reader.values(inline) == VALUES
    assert len(packed) == len(VALUES)


def test_a_repeated_attribute_takes_one_row_and_one_byte(connection: sqlite3.Connection) -> None:
    """Attributes that repeat cost next to nothing, also after the writer was started again."""
    for _ in range(3):
        dictionary = AttributeDictionary(connection, HOUR)
        packed = [dictionary.pack(attributes({"a": 1, "b": 2})) for _ in range(10)]
        dictionary.write(connection)

    assert {len(each) for each in packed} == {2}
    assert connection.execute("SELECT count(*) FROM attribute").fetchone() == (2,)


def test_a_value_in_place_does_not_repeat_its_key(connection: sqlite3.Connection) -> None:
    """A value that does not repeat takes its own bytes and a few more; its key is in the dictionary."""
    dictionary = AttributeDictionary(connection, HOUR)
    sizes = [len(dictionary.pack_inline(messages({"pipeline.item.id": f"item {n:06d}"}))) for n in range(100)]
    dictionary.write(connection)

    assert set(sizes) == {len("item 000000") + 5}
    assert connection.execute("SELECT count(*) FROM attribute").fetchone() == (1,)


def test_an_unusual_message_is_kept_whole(connection: sqlite3.Connection) -> None:
    """An attribute whose value is written before its key is kept, too."""
    (usual,) = messages({"k": 5})
    unusual = usual[3:] + usual[:3]
    dictionary = AttributeDictionary(connection, HOUR)
    packed = dictionary.pack_inline([unusual, b""])
    dictionary.write(connection)

    assert list(AttributeReader(connection).messages(packed)) == [unusual, b""]


def test_what_is_used_again_is_marked_with_the_hour(connection: sqlite3.Connection) -> None:
    """The dictionary knows which of its entries are still in use."""
    dictionary = AttributeDictionary(connection, HOUR)
    dictionary.pack(attributes({"once": 1, "again": 2}))
    dictionary.write(connection)
    turned, not_turned = dictionary.turn(HOUR + 3), dictionary.turn(HOUR + 3)
    dictionary.pack(attributes({"again": 2}))
    dictionary.write(connection)

    assert (turned, not_turned) == (True, False)
    assert [hour for (hour,) in connection.execute("SELECT used_h FROM attribute ORDER BY id")] == [HOUR, HOUR + 3]


def test_a_missing_entry_does_not_cost_the_other_attributes(connection: sqlite3.Connection) -> None:
    """If the dictionary is damaged, what is left is still shown."""
    dictionary = AttributeDictionary(connection, HOUR)
    packed = dictionary.pack(attributes({"gone": 1, "here": 2}))
    dictionary.write(connection)
    connection.execute("DELETE FROM attribute WHERE id = 1")

    assert AttributeReader(connection).values(packed)["here"] == 2


def test_memory_is_bounded(connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many different attributes arrive, two generations of them are held."""
    monkeypatch.setattr("otelkit.embedded.store.dictionary._GENERATION", 100)
    dictionary = AttributeDictionary(connection, HOUR)
    for start in range(0, 1_000, 50):
        dictionary.pack(attributes({f"k{n}": n for n in range(start, start + 50)}))

    assert len(dictionary._young) + len(dictionary._old) <= 200
