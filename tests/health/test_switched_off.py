"""Everything being switched off is said."""

from __future__ import annotations

import pytest

from otelkit._builtin.setting_list import SETTINGS
from otelkit.health.switched_off import find_switched_off
from otelkit.model.checks import Severity
from otelkit.settings import resolve


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, []),
        ({"OTEL_SDK_DISABLED": "false"}, []),
        ({"OTEL_SDK_DISABLED": "True"}, ["sdk.disabled"]),
        ({"OTEL_PYTHON_OTELKIT_ENABLED": "false"}, ["otelkit.disabled"]),
    ],
)
def test_each_switch_is_a_warning(env: dict[str, str], expected: list[str]) -> None:
    """It is what the user asked for, and often what they have forgotten."""
    findings = list(find_switched_off(env, resolve(SETTINGS, env=env)))

    assert expected == [finding.id for finding in findings]
    assert all(finding.severity is Severity.WARNING for finding in findings)
