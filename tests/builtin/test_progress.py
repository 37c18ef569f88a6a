"""The plugin that offers the metrics of watched queues and of runs."""

from __future__ import annotations

import pytest

from otelkit._builtin import progress
from otelkit._builtin.setting_list import SETTINGS
from otelkit.settings import resolve
from otelkit.stages.gauges import QueueAndRunObserver


@pytest.mark.parametrize(("enabled", "offered"), [("true", [QueueAndRunObserver]), ("false", [])])
def test_it_observes_unless_metrics_are_switched_off(enabled: str, offered: list[type]) -> None:
    """`enable_metrics` false leaves nothing of it."""
    settings = resolve(SETTINGS, env={"OTEL_PYTHON_OTELKIT_ENABLE_METRICS": enabled})

    assert [type(observer) for observer in progress.otelkit_call_observers(settings)] == offered
