"""The name somebody probably meant."""

from __future__ import annotations

import pytest

from otelkit.settings import nearest


@pytest.mark.parametrize(
    ("name", "expected"),
    [("otpl", "otlp"), ("OTLP", "otlp"), ("consol", "console"), ("elephant", None), ("", None)],
)
def test_the_nearest_name_is_offered_or_none(name: str, expected: str | None) -> None:
    """A hint is given only if it is likely to be right."""
    assert expected == nearest(name, ["otlp", "console", "none"])
