"""Plugins are noticed without importing anything."""

from __future__ import annotations

import zipfile
from pathlib import Path

from otelkit._cli.plugged_in import any_plugin_installed
from tests.distributions import install


def test_a_distribution_with_our_entry_points_is_noticed(tmp_path: Path) -> None:
    """Wherever on the path it is."""
    other, ours = tmp_path / "other", tmp_path / "ours"
    install(other, "other", entry_points={"console_scripts": {"otelkit-like": "x:y"}})
    install(ours, "acme-otel", entry_points={"console_scripts": {"acme": "x:y"}, "otelkit": {"acme": "x"}})

    assert not any_plugin_installed([str(other)])
    assert any_plugin_installed([str(other), str(ours)])


def test_an_old_fashioned_installation_is_noticed(tmp_path: Path) -> None:
    """`setup.py develop` leaves a folder named .egg-info."""
    info = tmp_path / "acme.egg-info"
    info.mkdir()
    (info / "entry_points.txt").write_text("[ otelkit ]\nacme = x\n")

    assert any_plugin_installed([str(tmp_path)])


def test_a_zip_file_on_the_path_counts_as_perhaps(tmp_path: Path) -> None:
    """Only importlib.metadata can look inside."""
    archive = tmp_path / "app.pyz"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("x.py", "")

    assert any_plugin_installed([str(archive)])


def test_folders_that_are_not_there_do_not_count(tmp_path: Path) -> None:
    """Python's path often names some."""
    assert not any_plugin_installed([str(tmp_path / "nowhere.zip"), str(tmp_path)])
