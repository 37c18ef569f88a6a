"""OpenTelemetry's names as Prometheus has them."""

from __future__ import annotations

import pytest

from otelkit.metrics.prometheus_names import family_name, labels_text, unit_name


@pytest.mark.parametrize(
    ("name", "unit", "kind", "expected"),
    [
        ("pipeline.stage.duration", "s", "histogram", "pipeline_stage_duration_seconds"),
        ("pipeline.stage.items", "{item}", "counter", "pipeline_stage_items"),
        ("requests_total", "", "counter", "requests"),
        ("cpu.time", "s", "counter", "cpu_time_seconds"),
        ("wait_seconds", "s", "gauge", "wait_seconds"),
        ("seconds", "s", "gauge", "seconds"),
        ("pipeline.stage.busy", "1", "gauge", "pipeline_stage_busy_ratio"),
        ("tries", "1", "counter", "tries"),
        ("io", "By/s", "gauge", "io_bytes_per_second"),
        ("errors", "{error}/m", "gauge", "errors_per_minute"),
        ("a..b--c", "", "gauge", "a_b_c"),
        ("9lives", "", "gauge", "_9lives"),
        ("x", "furlong", "gauge", "x_furlong"),
    ],
)
def test_a_metrics_name_has_its_unit(name: str, unit: str, kind: str, expected: str) -> None:
    """Dots become underscores, the unit is spelt out, and nothing is said twice."""
    assert family_name(name, unit, kind) == expected


def test_a_ratio_is_one_only_where_it_is_a_present_value() -> None:
    """A counter of ones is no ratio."""
    assert (unit_name("1", "gauge"), unit_name("1", "counter"), unit_name("{file}", "gauge")) == ("ratio", "", "")


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, ""),
        ({"pipeline.name": "a"}, 'pipeline_name="a"'),
        ({"b": 1, "a": True}, 'a="true",b="1"'),
        ({"a.b": "x", "a-b": "y"}, 'a_b="y;x"'),
        ({"text": 'say "hi"\\\n'}, 'text="say \\"hi\\"\\\\\\n"'),
        ({"list": ("a", 1)}, 'list="[\\"a\\",1]"'),
        ({"1st": "x", "": "y"}, '_="y",key_1st="x"'),
        ({"lone": "\ud800"}, 'lone="?"'),
    ],
)
def test_attributes_become_labels(attributes: dict[str, object], expected: str) -> None:
    """Keys are made fit, values escaped; what is no text is written as JSON; what becomes equal is joined."""
    assert labels_text(attributes) == expected
