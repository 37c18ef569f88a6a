"""Why a stage target matches nothing, and what was probably meant."""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

from otelkit.health.misfits import Trouble, is_module_at, judge_imported, judge_text
from otelkit.health.whereabouts import Place, find_module, near_module
from otelkit.model.targets import StageTarget


def target(text: str) -> StageTarget:
    module, pattern = text.split(":")
    return StageTarget(module, pattern)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    (package / "steps.py").write_text("def parse(): ...\ndef _hidden(): ...\n")
    (tmp_path / "till.py").write_text("x = 1\n")
    return tmp_path


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("shop.stesp:parse", "shop.steps:parse"),
        ("shpo.steps:parse", "shop.steps:parse"),
        ("shpo.stesp:parse", "shop.steps:parse"),
        ("tills:open", "till:open"),
        ("jsonn.decodr:scan", "json.decoder:scan"),
        ("shop.steps:prase", "shop.steps:parse"),
        ("shop.steps.deeper:parse", None),
        ("zqxj.wvk:x", None),
    ],
)
def test_what_was_probably_meant_is_named(project: Path, given: str, meant: str | None) -> None:
    """Each part of the module's name in turn, then the function's; the project's own modules before the others."""
    misfit = judge_text(target(given), [project])

    assert misfit is not None
    assert misfit.near == meant
    assert not [name for name in sys.modules if name.startswith("shop")]


def test_where_nothing_is_like_it_what_is_there_is_named(project: Path) -> None:
    """The folder's modules, and the module's functions that are meant for others."""
    nowhere, nothing = judge_text(target("zqxj:x"), [project]), judge_text(target("shop.steps:zqxj"), [project])

    assert nowhere is not None
    assert nothing is not None
    assert nowhere.what.endswith("; the folder has shop, till")
    assert nothing.what == f"matches nothing in {project / 'shop' / 'steps.py'}, which defines parse"


def test_the_nearest_module_has_to_be_there(project: Path) -> None:
    """Not a name that is right in its first part only."""
    assert near_module("shpo.steps", [project]) == "shop.steps"
    assert near_module("shpo.zqxj", [project]) is None
    assert near_module("shop.steps", [project]) == "shop.steps"


def test_an_imported_module_is_asked_itself() -> None:
    """Also where its text does not tell: functions of compiled modules, and names that come from elsewhere."""
    module = ModuleType("ledger")
    exec("from math import sqrt\nclass Book:\n    def close(self): ...\n", vars(module))
    vars(module)["made"] = [lambda: None][0]

    assert [
        judge_imported(target(f"ledger:{name}"), module).near for name in ("Book.clsoe", "sqrrt", "mode", "zqxj")
    ] == [
        "ledger:Book.close",
        "ledger:sqrt",
        "ledger:made",
        None,
    ]


def test_a_function_that_came_later_is_told_as_such() -> None:
    """It is there, so there is no typo to look for."""
    module = ModuleType("ledger")
    vars(module)["late"] = lambda: None

    assert "did not have when it was imported" in judge_imported(target("ledger:late"), module).what


@pytest.mark.parametrize("text", ["time:monotonic", "threading:*", "otelkit.stages.run:begin", "opentelemetry.trace:x"])
def test_what_stage_calls_run_on_is_told_as_such(text: str) -> None:
    """It can be no stage, there or not."""
    for misfit in (judge_text(target(text), []), judge_imported(target(text), time)):
        assert misfit is not None
        assert misfit.trouble is Trouble.GROUND


def test_a_module_that_is_imported_here_need_not_be_the_programs(project: Path) -> None:
    """A folder's own module of the same name comes first there."""
    (project / "json.py").write_text("def parse(): ...\n")
    import json

    there, here = find_module("json", [project]), find_module("json")

    assert there is not None
    assert here is not None
    assert [is_module_at(json, there), is_module_at(json, here)] == [False, True]
    assert is_module_at(math, Place(None))
    assert not is_module_at(math, Place(project / "missing.py"))
