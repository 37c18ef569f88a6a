"""What ``OTEL_*`` variables say, and what is said when they are wrong."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from otelkit._assembly.environment import is_disabled, names, number
from otelkit._assembly.exporters import choose_exporters, otlp_endpoint
from otelkit._assembly.id_generator import choose_id_generator

pytestmark = pytest.mark.sdk


@pytest.mark.parametrize(
    ("value", "expected"), [("true", True), (" TRUE ", True), ("1", False), ("", False), ("no", False)]
)
def test_only_true_disables_the_sdk(value: str, expected: bool) -> None:
    """As OpenTelemetry's specification says, everything else means "not disabled"."""
    assert is_disabled({"OTEL_SDK_DISABLED": value}) is expected


def test_a_list_of_names_is_read_once_each_and_none_means_none() -> None:
    """`none` switches a signal off; a name twice is one exporter."""
    assert names({"X": " otlp, console ,otlp,"}, "X", "default") == ("otlp", "console")
    assert names({"X": "none"}, "X", "default") == ()
    assert names({"X": ""}, "X", "default") == ("default",)


@pytest.mark.parametrize("raw", ["many", "-1", "nan"])
def test_a_wrong_number_is_named_and_the_default_is_used(raw: str, caplog: pytest.LogCaptureFixture) -> None:
    """The message has the variable, what it holds and what is expected."""
    assert number({"OTEL_BSP_MAX_QUEUE_SIZE": raw}, "OTEL_BSP_MAX_QUEUE_SIZE", 7, minimum=1) == 7
    assert f"OTEL_BSP_MAX_QUEUE_SIZE is {raw!r}; expected a number of at least 1" in caplog.text


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, "http://localhost:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:1/"}, "http://c:1/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:1/base"}, "http://c:1/base/v1/traces"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:1", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://d:2/x"},
            "http://d:2/x",
        ),
    ],
)
def test_the_endpoint_follows_the_rules_of_otlp(env: dict[str, str], expected: str) -> None:
    """A signal's own endpoint is taken as it is; the shared one gets the signal's path."""
    assert otlp_endpoint("traces", env) == expected


def test_the_default_exporter_is_otlp_over_http() -> None:
    """It is the one that is always installed."""
    (choice,) = choose_exporters("traces", {})

    assert (choice.name, choice.is_otlp, choice.endpoint) == ("otlp", True, "http://localhost:4318/v1/traces")


def test_each_wrong_exporter_is_left_out_and_the_right_ones_stay(caplog: pytest.LogCaptureFixture) -> None:
    """Upstream switches everything off for one wrong name."""
    chosen = choose_exporters("traces", {"OTEL_TRACES_EXPORTER": "otlp,consol,console"})

    assert [choice.name for choice in chosen] == ["otlp", "console"]
    assert (
        "OTEL_TRACES_EXPORTER asks for the exporter 'consol', which is not installed. Did you mean console?"
        in caplog.text
    )


def test_an_unknown_id_generator_means_random_ids(caplog: pytest.LogCaptureFixture) -> None:
    """The message names the variable and what is known."""
    generator = choose_id_generator({"OTEL_PYTHON_ID_GENERATOR": "randon"})

    assert isinstance(generator, RandomIdGenerator)
    assert "Did you mean random?" in caplog.text
