"""What the page on the Collector shows can be copied as it is."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.backends.built import folder
from tests.backends.configurations import on_page
from tests.backends.prometheus import Prometheus
from tests.programs import clean_environment

pytestmark = pytest.mark.backends


@pytest.mark.parametrize("config", on_page("yaml"), ids=lambda config: config.partition("\n")[0].strip("# ")[:20])
def test_a_configuration_is_whole_without_any_variable(tmp_path: Path, config: str) -> None:
    """The Collector accepts it with the defaults that stand in it, and warns of nothing."""
    (tmp_path / "config.yaml").write_text(config, encoding="utf-8")
    done = subprocess.run(
        [folder("collector") / "otelkit-collector", "validate", "--config=config.yaml"],
        cwd=tmp_path, env=clean_environment(), capture_output=True, text=True,
    )  # fmt: skip

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("config", on_page("yaml"), ids=lambda config: config.partition("\n")[0].strip("# ")[:20])
def test_nobody_else_reaches_it_by_default(config: str) -> None:
    """Every place to listen at is on the loopback, unless a variable says otherwise."""
    places = [
        line for line in config.splitlines() if "OTLP_" in line or "HEALTH" in line or line.strip().startswith("host:")
    ]

    assert len(places) == 4
    assert all("127.0.0.1" in place for place in places)


@pytest.mark.parametrize("promql", on_page("promql"))
def test_a_query_is_one(prometheus: Prometheus, promql: str) -> None:
    """Prometheus can read it."""
    assert prometheus.query(promql) == {}
