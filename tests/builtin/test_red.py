"""The plugin that offers rate, errors, duration and busyness."""

from __future__ import annotations

import re

import pytest

from otelkit import names
from otelkit._builtin import red
from otelkit._builtin.setting_list import SETTINGS
from otelkit.metrics import RedObserver
from otelkit.settings import resolve


@pytest.mark.parametrize(("enabled", "offered"), [("true", [RedObserver]), ("false", [])])
def test_it_observes_unless_metrics_are_switched_off(enabled: str, offered: list[type]) -> None:
    """`enable_metrics` false costs nothing per call."""
    settings = resolve(SETTINGS, env={"OTEL_PYTHON_OTELKIT_ENABLE_METRICS": enabled})

    assert [type(observer) for observer in red.otelkit_call_observers(settings)] == offered


def test_its_metrics_are_declared_as_in_the_reference() -> None:
    """Name, kind and unit agree with `names.py`, from which the reference is generated."""
    declared = {spec.name: (spec.kind, spec.unit, spec.meaning) for spec in red.otelkit_metrics()}
    reference = {name.key: (name.kind, name.unit, name.meaning) for name in names.METRICS}

    assert declared == {key: reference[key] for key in declared}
    assert all(re.fullmatch(r"[a-z][a-z.]*", key) for key in declared)
