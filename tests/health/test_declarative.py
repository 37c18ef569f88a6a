"""A declarative configuration in the place of variables."""

from __future__ import annotations

from pathlib import Path

from otelkit.health.declarative import find_config_file, uses_config_file
from otelkit.model.checks import Severity


def test_a_file_that_is_used_is_a_note(tmp_path: Path) -> None:
    """Somebody who wonders why a variable has no effect finds out."""
    file = tmp_path / "otel.yaml"
    file.write_text("file_format: '1.0'\n")

    (finding,) = find_config_file({"OTEL_CONFIG_FILE": str(file)})

    assert (finding.id, finding.severity) == ("config_file.in_use", Severity.NOTE)


def test_without_a_file_the_variables_count(tmp_path: Path) -> None:
    """Also when the variable names one that is not there: otelkit then falls back to the variables."""
    assert not uses_config_file({})
    assert not uses_config_file({"OTEL_CONFIG_FILE": str(tmp_path / "none.yaml")})
    assert list(find_config_file({})) == []
