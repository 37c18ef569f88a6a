"""A mapping that can't grow without limit."""

from __future__ import annotations

from otelkit._bounded import BoundedDict


def test_a_bounded_dict_forgets_its_oldest_entry() -> None:
    """At the limit the oldest entry leaves."""
    entries: BoundedDict[int, str] = BoundedDict(2)
    for number in range(3):
        entries.put(number, str(number))

    assert (entries.get(0), entries.get(2), len(entries)) == (None, "2", 2)
