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


@pytest.mark.parametrize(
    ("name", "expected"),
    [("acme_hook_zzz", None), ("acme_hook_comand", "acme_hook_commands"), ("hook_command", "acme_hook_commands")],
)
def test_a_beginning_that_all_names_share_does_not_count(name: str, expected: str | None) -> None:
    """Otherwise any two of our names would look alike."""
    assert expected == nearest(name, ["acme_hook_settings", "acme_hook_commands", "acme_hook_stores"])


def test_a_name_that_begins_another_is_still_found() -> None:
    """Only whole words are cut off."""
    assert nearest("otpl", ["otlp", "otlp_proto_grpc"]) == "otlp"
    assert nearest("anything", []) is None
