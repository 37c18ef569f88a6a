"""Plugins are found by entry point, in an order that does not depend on the installation."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from otelkit.plugin.defaults import BUILT_IN
from otelkit.plugin.loading import builtin_candidates, installed_candidates
from tests.distributions import install


def test_installed_plugins_come_by_name_and_know_their_distribution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever order their folders have."""
    install(tmp_path, "a-dist", "1.0", entry_points={"otelkit": {"zeta": "nowhere_z"}})
    install(tmp_path, "b-dist", "2.0", entry_points={"otelkit": {"alpha": "nowhere_a", "mu": "nowhere_m"}})
    monkeypatch.syspath_prepend(tmp_path)

    found = [candidate for candidate in installed_candidates() if candidate.distribution in ("a-dist", "b-dist")]

    assert [(candidate.name, candidate.distribution, candidate.version) for candidate in found] == [
        ("alpha", "b-dist", "2.0"),
        ("mu", "b-dist", "2.0"),
        ("zeta", "a-dist", "1.0"),
    ]
    assert not any(candidate.builtin for candidate in found)


def test_finding_a_plugin_does_not_import_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it may be imported is for the deny list to say."""
    install(tmp_path, "a-dist", entry_points={"otelkit": {"acme": "nowhere_at_all"}})
    monkeypatch.syspath_prepend(tmp_path)

    (candidate,) = [candidate for candidate in installed_candidates() if candidate.name == "acme"]

    with pytest.raises(ModuleNotFoundError):
        candidate.load()


def test_our_own_parts_are_modules_named_as_data() -> None:
    """Each can be imported, and its plugin name is its last part."""
    candidates = list(builtin_candidates())

    assert [f"otelkit.{name.rpartition('.')[2]}" for name in BUILT_IN] == [candidate.name for candidate in candidates]
    for candidate, name in zip(candidates, BUILT_IN, strict=True):
        assert candidate.load() is importlib.import_module(name)
        assert candidate.builtin
