"""The plugin that offers the metric of the longest calls."""

from __future__ import annotations

import pytest

from otelkit._builtin import longest_calls
from otelkit._builtin.setting_list import SETTINGS
from otelkit.settings import resolve
from otelkit.stages.longest_calls import LongestCallObserver


@pytest.mark.parametrize(
    ("switch", "value", "offered"),
    [
        ("ENABLE_METRICS", "true", [LongestCallObserver]),
        ("ENABLE_METRICS", "false", []),
        ("HEARTBEAT_S", "0", []),
    ],
)
def test_it_observes_unless_it_is_switched_off(switch: str, value: str, offered: list[type]) -> None:
    """Without metrics, or without heartbeats, nothing is left of it."""
    settings = resolve(SETTINGS, env={f"OTEL_PYTHON_OTELKIT_{switch}": value})

    assert [type(observer) for observer in longest_calls.otelkit_call_observers(settings)] == offered
