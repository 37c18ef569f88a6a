"""What a setting accepts, and how it says what it expects."""

from __future__ import annotations

import pytest

from otelkit.settings import Setting


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        ("bool", "Yes", True),
        ("bool", " off ", False),
        ("bool", True, True),
        ("int", "12", 12),
        ("float", "0.5", 0.5),
        ("float", 2, 2.0),
        ("str", "  name ", "name"),
        ("list", " a, b ,,c", ("a", "b", "c")),
        ("list", ["a", "b"], ("a", "b")),
        ("list", "", ()),
    ],
)
def test_a_value_of_the_right_kind_is_taken(kind: str, raw: object, expected: object) -> None:
    """Text from the environment and typed values from a file mean the same."""
    setting = Setting("some", kind, None, "")  # type: ignore[arg-type]  # the kinds are parametrized as text

    assert expected == setting.parse(raw)


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        ("bool", "maybe"),
        ("bool", 1),
        ("int", "1.5"),
        ("int", True),
        ("int", 1.0),
        ("float", "fast"),
        ("float", True),
        ("str", 3),
        ("str", ""),
        ("list", [1, 2]),
        ("list", 3),
    ],
)
def test_a_value_of_another_kind_is_refused(kind: str, raw: object) -> None:
    """A wrong value is never converted into something costly or surprising."""
    setting = Setting("some", kind, None, "")  # type: ignore[arg-type]  # the kinds are parametrized as text

    with pytest.raises(ValueError, match=r"^"):
        setting.parse(raw)


@pytest.mark.parametrize("raw", ["-0.1", "1.01", "nan", "inf"])
def test_a_number_outside_its_range_is_refused(raw: str) -> None:
    """NaN is in no range."""
    setting = Setting("rate", "float", 0.5, "", minimum=0, maximum=1)

    with pytest.raises(ValueError, match=r"^"):
        setting.parse(raw)


@pytest.mark.parametrize("raw", ["nan", "inf", "-inf"])
def test_a_number_without_a_range_must_still_be_finite(raw: str) -> None:
    """An endless wait is not a number of seconds."""
    with pytest.raises(ValueError, match=r"^"):
        Setting("limit_s", "float", 1.0, "").parse(raw)


def test_an_optional_setting_may_be_emptied() -> None:
    """An empty text in a file means: not set."""
    assert Setting("pipeline", "str", None, "", optional=True).parse("") is None


def test_only_the_named_choices_are_taken() -> None:
    """A choice is spelled as declared."""
    setting = Setting("log_format", "str", "text", "", choices=("text", "json"))

    assert setting.parse("json") == "json"
    with pytest.raises(ValueError, match=r"^"):
        setting.parse("xml")


def test_a_setting_says_what_it_expects_with_range_and_unit() -> None:
    """The message's second part comes from the declaration alone."""
    setting = Setting("exit_limit_s", "float", 2.0, "", unit="s", minimum=0, maximum=600)

    assert setting.expected == "a number from 0 to 600 (s)"


@pytest.mark.parametrize(
    ("raw", "share"), [("1/4", 0.25), (" 1 / 20 ", 0.05), ("0/3", 0.0), ("3/3", 1.0), ("0.3", 0.3)]
)
def test_a_share_may_be_a_fraction(raw: str, share: float) -> None:
    """As in rules and in ``OTEL_TRACES_SAMPLER_ARG``."""
    setting = Setting("some_ratio", "float", 1.0, "", unit="1", minimum=0, maximum=1)

    assert setting.parse(raw) == share
    assert setting.expected == "a number from 0 to 1, or a fraction like 1/20"


@pytest.mark.parametrize("raw", ["5/4", "1/0", "-1/4", "1/4/2", "1/", "a/b", "9" * 400 + "/1"])
def test_a_fraction_that_is_no_share_is_refused(raw: str) -> None:
    """Nor is one taken for what is no share."""
    share = Setting("some_ratio", "float", 1.0, "", unit="1", minimum=0, maximum=1)
    seconds = Setting("some_s", "float", 1.0, "", unit="s", minimum=0)

    for setting, text in ((share, raw), (seconds, "1/4")):
        with pytest.raises((ValueError, OverflowError)):
            setting.parse(text)


def test_the_variable_is_one_that_becomes_a_flag_of_opentelemetry_instrument() -> None:
    """Every setting can be given on the command line of `opentelemetry-instrument`."""
    assert Setting("exit_limit_s", "float", 2.0, "").env == "OTEL_PYTHON_OTELKIT_EXIT_LIMIT_S"
