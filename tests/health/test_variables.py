"""Variables whose value is not what the specification asks for."""

from __future__ import annotations

import pytest

from otelkit.health.variables import find_wrong_values
from otelkit.model.checks import Severity


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_BSP_SCHEDULE_DELAY", "5s"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "-1"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "nan"),
        ("OTEL_RESOURCE_ATTRIBUTES", "team=a,service"),
    ],
)
def test_a_malformed_value_is_an_error_that_names_the_variable(variable: str, value: str) -> None:
    """The default is used instead, which somebody should know."""
    (finding,) = find_wrong_values({variable: value})

    assert (finding.id, finding.severity) == ("variable.malformed", Severity.ERROR)
    assert finding.what.startswith(variable)


def test_right_and_empty_values_are_fine() -> None:
    """An empty variable counts as unset."""
    env = {
        "OTEL_BSP_SCHEDULE_DELAY": "",
        "OTEL_BSP_MAX_QUEUE_SIZE": " 10 ",
        "OTEL_RESOURCE_ATTRIBUTES": "team=a,region=b=c,",
        "OTEL_SDK_DISABLED": "false",
    }

    assert list(find_wrong_values(env)) == []
