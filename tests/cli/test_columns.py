"""Tables keep their widths, and give up what matters least."""

from __future__ import annotations

from otelkit._cli.columns import Column, lay_out
from otelkit._cli.look import UNICODE


def _columns() -> list[Column]:
    return [
        Column("name", [("alpha.beta.gamma", ""), ("b", "")], least=6, cut="end", to_left=True),
        Column("calls", [("1", ""), ("12", "")], 7, keep=2),
        Column("p95", [("1 ms", ""), ("12 ms", "")], 6, keep=9),
    ]


def _shown(width: int) -> list[str]:
    table = lay_out(_columns(), width, UNICODE)
    return [table.header.plain, *(row.plain for row in table.rows)]


def test_everything_is_shown_where_there_is_room() -> None:
    """Texts to the left, numbers to the right, two cells between."""
    assert _shown(80) == [
        "name                calls     p95",
        "alpha.beta.gamma        1    1 ms",
        "b                      12   12 ms",
    ]


def test_names_are_cut_before_a_column_goes() -> None:
    """A shorter name still says more than a missing number."""
    assert _shown(25) == [
        "name        calls     p95",
        "…a.gamma        1    1 ms",
        "b              12   12 ms",
    ]


def test_the_least_important_column_goes_first() -> None:
    """What is left out has the lowest rank; the first column never goes."""
    assert lay_out(_columns(), 16, UNICODE).titles == ("name", "p95")
    assert lay_out(_columns(), 8, UNICODE).titles == ("name",)
    assert _shown(4) == ["name", "…mma", "b"]


def test_widths_do_not_follow_short_numbers() -> None:
    """A growing number moves nothing as long as it fits its column."""
    small = Column("calls", [("1", "")], 7)
    large = Column("calls", [("999,999", "")], 7)

    assert small.wanted == large.wanted == 7


def test_a_table_without_rows_has_a_header() -> None:
    """No stage yet: the header still stands."""
    table = lay_out([Column("name", [], 4), Column("calls", [], 7)], 80, UNICODE)

    assert (table.header.plain, table.rows) == ("name    calls", ())
