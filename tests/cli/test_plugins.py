"""`otelkit plugins` shows what is plugged in, what each offers, what failed and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from otelkit._guard import Barrier
from otelkit._version import __version__
from otelkit.health.faults import FaultNotes
from otelkit.plugin.defaults import BUILT_IN
from tests.distributions import install, otelkit

_GOOD = """
import otelkit
from otelkit.model.steps import SpanStep

class Mask(SpanStep):
    name = "mask"

@otelkit.hookimpl
def otelkit_span_steps():
    return [Mask()]
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """One plugin that works, one that does not import, one that misspells a hook."""
    site = tmp_path / "site"
    site.mkdir()
    install(site, "good-otel", "2.1", entry_points={"otelkit": {"good": "good_p"}}, modules={"good_p.py": _GOOD})
    install(site, "lost-otel", entry_points={"otelkit": {"lost": "lost_p"}})
    misspelt = _GOOD.replace("otelkit_span_steps", "otelkit_span_stepps")
    install(site, "typo-otel", entry_points={"otelkit": {"typo": "typo_p"}}, modules={"typo_p.py": misspelt})
    return site


def _plugins(tmp_path: Path, site: Path, **env: str) -> dict[str, dict[str, Any]]:
    done = otelkit("plugins", "--json", cwd=tmp_path, site=site, **env)
    assert (done.returncode, done.stderr) == (0, "")
    return {plugin["name"]: plugin for plugin in json.loads(done.stdout)["plugins"]}


def test_a_plugin_that_works_says_what_it_offers(tmp_path: Path, site: Path) -> None:
    """With its distribution and version."""
    assert _plugins(tmp_path, site)["good"] == {
        "name": "good",
        "distribution": "good-otel",
        "version": "2.1",
        "state": "active",
        "offers": {"otelkit_span_steps": ["mask"]},
        "error": None,
        "faults": [],
    }


def test_a_plugin_that_failed_says_why(tmp_path: Path, site: Path) -> None:
    """The message names it, its distribution and the cause."""
    plugins = _plugins(tmp_path, site)

    assert plugins["lost"]["state"] == "failed"
    assert "ModuleNotFoundError: No module named 'lost_p'" in plugins["lost"]["error"]
    assert "Did you mean otelkit_span_steps?" in plugins["typo"]["error"]


def test_a_denied_plugin_says_by_which_setting(tmp_path: Path, site: Path) -> None:
    """It is not imported."""
    plugins = _plugins(tmp_path, site, OTEL_PYTHON_OTELKIT_PLUGINS_DENY="lost")

    assert (plugins["lost"]["state"], plugins["lost"]["error"]) == ("denied", "named in the setting plugins_deny")


def test_our_own_parts_are_plugins_too(tmp_path: Path, site: Path) -> None:
    """They come through the same door."""
    plugins = _plugins(tmp_path, site)

    ours = [plugin for plugin in plugins.values() if plugin["distribution"] == "otelkit"]
    assert [plugin["name"] for plugin in ours] == [f"otelkit.{name.rpartition('.')[2]}" for name in BUILT_IN]
    assert {plugin["state"] for plugin in ours} == {"active"}
    assert {plugin["version"] for plugin in ours} == {__version__}


def test_faults_of_a_program_are_shown_with_the_plugin(tmp_path: Path, site: Path) -> None:
    """What a step did wrong while a program ran can be read afterwards."""
    barrier = Barrier("step mask", "good-otel", FaultNotes(tmp_path / ".otelkit").note)
    barrier.fault(ValueError("no"), "on_end")

    (fault,) = _plugins(tmp_path, site)["good"]["faults"]
    text = otelkit("plugins", cwd=tmp_path, site=site).stdout

    assert (fault["name"], fault["count"], fault["cause"]) == ("step mask", 1, "on_end: ValueError: no")
    assert "step mask failed at run time (1×): on_end: ValueError: no" in text


def test_the_text_has_the_same_facts(tmp_path: Path, site: Path) -> None:
    """For people."""
    said = otelkit("plugins", cwd=tmp_path, site=site).stdout

    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert "active good good-otel 2.1" in lines
    assert "span steps: mask" in lines
    assert "failed lost lost-otel 1.0" in lines
