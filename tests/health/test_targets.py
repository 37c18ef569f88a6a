"""Stage targets are judged without importing anything."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from otelkit.health.targets import find_unmatched
from otelkit.model.targets import StageTarget

_STEPS = """
from os.path import join
import shutil as files
raise SystemExit("a doctor must not run the patient")

THRESHOLD = 3
alias = print

def parse(path): ...
async def fetch(url): ...
def _private(): ...

class Encoder:
    limit = 4
    def run(self): ...
    class Inner:
        @staticmethod
        def deep(): ...

class Child(Encoder):
    def own(self): ...

class _Empty:
    pass

if THRESHOLD:
    def conditional(): ...
try:
    import fast
except ImportError:
    def slow(): ...
else:
    def quick(): ...
with open(__file__) as handle:
    def within(): ...
match THRESHOLD:
    case 3:
        def matched(): ...
"""


def _find(folder: Path, target: str) -> list[str]:
    module, pattern = target.split(":")
    return [finding.id for finding in find_unmatched([StageTarget(module, pattern)], [folder])]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose modules must not be imported."""
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    (package / "steps.py").write_text(_STEPS)
    (package / "hollow.py").write_text("x = 1\n")
    (package / "classy.py").write_text("class Till:\n    class Drawer:\n        def open(self): ...\n")
    (package / "dynamic.py").write_text("def __getattr__(name): ...\n")
    (package / "starred.py").write_text("from shop.steps import *\n")
    (package / "broken.py").write_text("def parse(:\n")
    (package / "latin.py").write_bytes("# coding: latin-1\ndef größe(): ...\n".encode("latin-1"))
    (tmp_path / "spaces" / "inner").mkdir(parents=True)
    (tmp_path / "spaces" / "inner" / "leaf.py").write_text("def grow(): ...\n")
    return tmp_path


@pytest.mark.parametrize(
    "target",
    [
        "shop.steps:parse",
        "shop.steps:fetch",
        "shop.steps:_private",
        "shop.steps:*",
        "shop.steps:Encoder.run",
        "shop.steps:Encoder.*",
        "shop.steps:Encoder.Inner.deep",
        "shop.steps:Child.own",
        "shop.steps:conditional",
        "shop.steps:slow",
        "shop.steps:quick",
        "shop.steps:within",
        "shop.steps:matched",
        "shop.latin:größe",
        "spaces.inner.leaf:grow",
    ],
)
def test_what_is_defined_is_found(project: Path, target: str) -> None:
    """Functions, methods, and definitions under `if`, `try`, `with` and `match`."""
    assert _find(project, target) == []


@pytest.mark.parametrize(
    "target",
    [
        "shop.steps:join",
        "shop.steps:files.copy",
        "shop.steps:alias",
        "shop.steps:Child.run",
        "shop.steps:Child.*",
        "shop.steps:fast",
        "shop.dynamic:anything",
        "shop.starred:parse",
        "sys:exit",
        "os.path:join",
        "math:sqrt",
        "__main__:work",
    ],
)
def test_what_cannot_be_known_from_the_text_is_left_alone(project: Path, target: str) -> None:
    """Imported, assigned, inherited, dynamic and compiled names: the doctor does not guess."""
    assert _find(project, target) == []


@pytest.mark.parametrize(
    ("target", "finding"),
    [
        ("shop.steps:pars", "target.no_match"),
        ("shop.steps:Encoder.ran", "target.no_match"),
        ("shop.steps:Encoder.limits", "target.no_match"),
        ("shop.steps:_Empty.*", "target.no_match"),
        ("shop.steps:Nothing.*", "target.no_match"),
        ("shop.hollow:*", "target.no_match"),
        ("shop.classy:*", "target.no_match"),
        ("shop.classy:Till.*", "target.no_match"),
        ("shop.stops:parse", "target.no_module"),
        ("shop.steps.deeper:parse", "target.no_module"),
        ("shoop.steps:parse", "target.no_module"),
        ("shop.broken:parse", "target.unreadable"),
    ],
)
def test_what_matches_nothing_is_found(project: Path, target: str, finding: str) -> None:
    """A stage that will be missing from the table is named beforehand."""
    assert _find(project, target) == [finding]


def test_the_nearest_function_is_offered(project: Path) -> None:
    """A typo is answered with what was probably meant."""
    (finding,) = find_unmatched([StageTarget("shop.steps", "prase", "OTEL_PYTHON_OTELKIT_STAGES")], [project])

    assert "Did you mean shop.steps:parse?" in finding.what
    assert "OTEL_PYTHON_OTELKIT_STAGES" in finding.what
    assert finding.fix == "Use shop.steps:parse."


def test_nothing_is_imported(project: Path) -> None:
    """Not even the packages above a module."""
    _find(project, "shop.steps:parse")

    assert not [name for name in sys.modules if name.startswith(("shop", "spaces"))]


def test_a_module_of_an_editable_installation_is_found(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such modules are on no path: only their finder knows them."""
    from importlib.machinery import ModuleSpec

    class Finder:
        @staticmethod
        def find_spec(name: str, path: object, target: object = None) -> ModuleSpec | None:
            if name != "remote":
                return None
            spec = ModuleSpec(name, None, origin=str(project / "shop" / "steps.py"), is_package=True)
            spec.submodule_search_locations = [str(project / "shop")]
            return spec

    class Rude:
        @staticmethod
        def find_spec(name: str, path: object, target: object = None) -> None:
            raise RuntimeError("not today")

    monkeypatch.setattr(sys, "meta_path", [Rude, *sys.meta_path, Finder])
    elsewhere = project / "spaces"

    assert _find(elsewhere, "remote:parse") == []
    assert _find(elsewhere, "remote.steps:parse") == []
    assert _find(elsewhere, "remote.steps:nothing") == ["target.no_match"]
    assert _find(elsewhere, "remoter.steps:nothing") == ["target.no_module"]
