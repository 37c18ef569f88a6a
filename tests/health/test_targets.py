"""Stage targets are judged without importing anything."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from otelkit.health.targets import find_unmatched, say_unmatched
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
        "cmath:sqrt",
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


@pytest.mark.parametrize(
    ("target", "finding"),
    [
        ("os:getcw", "Did you mean os:getcwd?"),
        ("json:dumb", "Did you mean json:dump?"),
        ("sys:exiting", "target.no_match"),
    ],
)
def test_a_module_that_is_imported_here_anyway_is_asked_itself(project: Path, target: str, finding: str) -> None:
    """Those of the standard library: their text often does not tell, since their functions come from compiled ones."""
    module, pattern = target.split(":")
    asked: list[str] = []

    def has(imported: ModuleType, what: str) -> bool:
        asked.append(f"{imported.__name__}:{what}")
        return hasattr(imported, what)

    (found,) = find_unmatched([StageTarget(module, pattern)], [project], has)

    assert asked == [target]
    assert finding in f"{found.id} {found.what}"
    assert list(find_unmatched([StageTarget("os", "getcwd")], [project], has)) == []


def test_what_stage_calls_run_on_can_be_no_stage(project: Path) -> None:
    """Said beforehand, though the function is there."""
    (found,) = find_unmatched([StageTarget("time", "sleep")], [project], lambda module, pattern: True)

    assert found.id == "target.ground"
    assert "The stage target time:sleep" in found.what


def test_at_the_end_each_target_gets_its_reason(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line each; what was merely not imported is no mistake of the name, and said together."""
    monkeypatch.chdir(project)
    texts = ("shop.steps:prase", "shop.steps:parse", "shop.steps:fetch", "os:getcw", "shop.stesp:parse")
    targets = [StageTarget(*text.split(":")) for text in texts]

    assert list(say_unmatched(targets, lambda target: sys.modules.get(target.module))) == [
        f"the stage target shop.steps:prase matches nothing in {project}/shop/steps.py. Did you mean shop.steps:parse?",
        "the stage target os:getcw matches nothing in os. Did you mean os:getcwd?",
        "the stage target shop.stesp:parse names the module shop.stesp, which is not found in this folder or on the path of "
        "this Python. Did you mean shop.steps:parse?",
        "no stage was made of shop.steps:parse, shop.steps:fetch: the program has never imported the module",
    ]


def test_at_the_end_many_mistakes_are_counted(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of hundreds does not bury what the program itself has said."""
    monkeypatch.chdir(project)
    wrong = [StageTarget("shop.hollow", f"zq{number}") for number in range(12)]
    unused = [StageTarget("shop.steps", "parse", name=str(number)) for number in range(7)]
    lines = list(say_unmatched([*wrong, *unused], lambda target: None))

    assert len(lines) == 7
    assert lines[5] == "7 more stage targets match nothing; `otelkit doctor` names them"
    assert lines[6].count("shop.steps:parse") == 5
    assert "and 2 more" in lines[6]
