"""Functions made stages by configuration, and the way back."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import logging
import pickle
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import otelkit
from otelkit.model.targets import StageTarget
from otelkit.stages import Patcher
from otelkit.stages.naming import stage_name_of
from otelkit.stages.wrapping import stage_of
from otelkit.testing import Recorder
from tests.forking import held_by_another_thread, in_child
from tests.programs import write

STEPS = """
    import functools
    from os.path import join
    import otelkit

    def parse(path):
        '''Parse it.'''
        return ("parsed", path)

    def _private():
        return "private"

    async def fetch(path):
        return ("fetched", path)

    def read(paths):
        yield from paths

    @functools.cache
    def cached(x):
        return x

    @otelkit.stage("already")
    def decorated():
        return "decorated"

    class Encoder:
        size = 3
        class Inner:
            def deep(self):
                return "deep"

        def run(self, x):
            return x * self.size

        @staticmethod
        def static(x):
            return x

        @classmethod
        def build(cls):
            return cls()

        def _hidden(self):
            return "hidden"

        @property
        def wide(self):
            return True

    class Fast(Encoder):
        size = 9

    constant = 7
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on sys.path with the package ``app``; what is imported from it is forgotten afterwards."""
    before = set(sys.modules)
    write(tmp_path, "app/__init__.py", "")
    write(tmp_path, "app/steps.py", STEPS)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def patch() -> Iterator[Callable[..., Patcher]]:
    """Install a patcher for targets given as text, until the end of the test."""
    patchers = []

    def patch(*texts: str, **more: Any) -> Patcher:
        targets = [StageTarget(*text.split(":"), **more) for text in texts]
        patchers.append(patcher := Patcher(targets))
        patcher.install()
        return patcher

    yield patch
    for patcher in reversed(patchers):
        patcher.uninstall()


def steps() -> ModuleType:
    return importlib.import_module("app.steps")


def staged(module: Any) -> set[str]:
    """Return the names in a module and its classes that are stages."""
    found = set()
    for name, value in vars(module).items():
        if stage_of(value) is not None:
            found.add(name)
        if isinstance(value, type) and value.__module__ == getattr(module, "__name__", None):
            found |= {f"{name}.{inner}" for inner in staged(value)}
    return found - {"__wrapped__"}


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (["app.steps:parse"], {"parse", "decorated"}),
        (["app.steps:*"], {"parse", "fetch", "read", "cached", "decorated"}),
        (["app.steps:_private"], {"_private", "decorated"}),
        (["app.steps:Encoder.run"], {"Encoder.run", "decorated"}),
        (["app.steps:Encoder.*"], {"Encoder.run", "Encoder.static", "Encoder.build", "decorated"}),
        (["app.steps:Encoder.Inner.deep"], {"decorated"}),
        (["app.steps:Fast.run"], {"Fast.run", "decorated"}),
        (["app.steps:join"], {"join", "decorated"}),
    ],
    ids=str,
)
def test_a_target_wraps_what_it_names_and_nothing_else(
    targets: list[str], expected: set[str], folder: Path, patch: Callable[..., Patcher]
) -> None:
    """Private names only when named, imported names not by ``*``, methods of one class only."""
    patcher = patch(*targets)

    assert staged(steps()) == expected
    assert patcher.unmatched() == []


@pytest.mark.parametrize(
    "target",
    [
        "app.steps:nothing",
        "app.steps:constant",
        "app.steps:Encoder",
        "app.steps:Encoder.nothing",
        "app.steps:Encoder.wide",
        "app.steps:Nothing.run",
        "app.steps:parse.run",
        "app.never_imported:run",
        "app:*",
    ],
)
def test_a_target_that_names_no_function_is_unmatched(target: str, folder: Path, patch: Callable[..., Patcher]) -> None:
    """And harms nothing."""
    patcher = patch(target, "app.steps:parse")
    steps()

    assert [each.text for each in patcher.unmatched()] == [target]


@pytest.mark.parametrize("target", ["time:monotonic", "threading:*", "otelkit.stages.naming:*"])
def test_what_stage_calls_run_on_is_left_alone(target: str, folder: Path, patch: Callable[..., Patcher]) -> None:
    """Each call of it would make another one, without end."""
    before = [time.monotonic, threading.current_thread, stage_name_of]
    patcher = patch(target)

    assert [time.monotonic, threading.current_thread, stage_name_of] == before
    assert [each.text for each in patcher.unmatched()] == [target]


def test_the_module_of_a_target_is_known_once_the_program_has_imported_it(
    folder: Path, patch: Callable[..., Patcher]
) -> None:
    """For what is said at the end; asking imports nothing."""
    patcher = patch("app.steps:nothing")
    (target,) = patcher.unmatched()
    before = patcher.imported(target)
    module = steps()

    assert before is None
    assert patcher.imported(target) is module


def test_nothing_is_imported_early(folder: Path, patch: Callable[..., Patcher]) -> None:
    """Installing looks at no file of the target; its first import does."""
    patch("app.steps:*")

    assert "app" not in sys.modules
    assert staged(steps())


def test_a_patched_function_is_the_same_to_the_eye(
    folder: Path, patch: Callable[..., Patcher], recorder: Recorder
) -> None:
    """Signature, docstring, results, pickling by name; and its module looks as if nobody had been there."""
    patch("app.steps:*", "app.steps:Encoder.*")
    module = steps()

    assert inspect.signature(module.parse) == inspect.Signature(
        [inspect.Parameter("path", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    )
    assert module.parse.__doc__ == "Parse it."
    assert module.parse("a") == ("parsed", "a")
    assert list(module.read([1, 2])) == [1, 2]
    assert inspect.iscoroutinefunction(module.fetch)
    assert inspect.isgeneratorfunction(module.read)
    assert (module.Encoder().run(2), module.Encoder.static(1), module.Encoder.build().size) == (6, 1, 3)
    assert (module.Fast().run(1), type(module.Fast.build())) == (9, module.Fast)
    assert (module.cached(1), module.cached.cache_info().misses) == (1, 1)
    assert pickle.loads(pickle.dumps(module.parse)) is module.parse
    assert type(module.__loader__) is type(module.__spec__.loader) is type(importlib.util.find_spec("app").loader)  # type: ignore[union-attr]
    assert [span.name for span in recorder.spans] == [
        "steps.parse", "steps.read", "steps.Encoder.run", "steps.Encoder.static", "steps.Encoder.build",
        "steps.Encoder.run", "steps.Encoder.build", "steps.cached",
    ]  # fmt: skip


def test_a_target_may_say_more(folder: Path, patch: Callable[..., Patcher], recorder: Recorder) -> None:
    """Name, pipeline and item, as the decorator does."""
    patch("app.steps:parse", name="parsing", pipeline="syntax", item="path")
    steps().parse("a.py")

    attributes = dict(recorder.span("parsing").attributes or {})
    assert (attributes["pipeline.name"], attributes["pipeline.item.id"]) == ("syntax", "a.py")


def test_a_function_is_wrapped_once(folder: Path, patch: Callable[..., Patcher], recorder: Recorder) -> None:
    """Though several targets, two patchers and a decorator name it; the first target's word counts."""
    patcher = Patcher([StageTarget("app.steps", "parse", name="first"), StageTarget("app.steps", "*")])
    patcher.install()
    try:
        again = patch("app.steps:parse", "app.steps:decorated")
        module = steps()
        module.parse("a")
        module.decorated()

        assert [span.name for span in recorder.spans] == ["first", "already"]
        assert (patcher.unmatched(), again.unmatched()) == ([], [])
    finally:
        patcher.uninstall()


def test_what_is_imported_already_is_wrapped_at_once_wherever_it_went(
    folder: Path, patch: Callable[..., Patcher], recorder: Recorder
) -> None:
    """Also under another name, in a module that has imported the function."""
    write(folder, "user.py", "from app.steps import parse as p\ndef use(): return p('a')\n")
    user = importlib.import_module("user")
    original = steps().parse
    patcher = patch("app.steps:parse")
    user.use()

    assert user.p is steps().parse is not original
    assert [span.name for span in recorder.spans] == ["steps.parse"]
    patcher.uninstall()
    assert user.p is steps().parse is original


def put_off(name: str) -> ModuleType:
    """Import a module by way of LazyLoader."""
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.loader is not None
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_lazy_module_stays_unloaded(folder: Path, patch: Callable[..., Patcher]) -> None:
    """Looking for copies of a function never runs a module's code before the program does."""
    write(folder, "late.py", "import sys\nfrom app.steps import parse\nsys.late_is_loaded = True\n")
    late = put_off("late")
    steps()
    try:
        patch("app.steps:parse")

        assert not hasattr(sys, "late_is_loaded")
        assert stage_of(late.parse) is not None
        assert hasattr(sys, "late_is_loaded")
    finally:
        vars(sys).pop("late_is_loaded", None)


@pytest.mark.parametrize("patched_first", [True, False])
def test_the_functions_of_a_lazy_module_are_wrapped_when_its_code_runs(
    patched_first: bool, folder: Path, patch: Callable[..., Patcher]
) -> None:
    """Which is not before the program first uses it, whether it was put off before or after `install`."""
    write(folder, "late.py", "import sys\nsys.late_is_loaded = True\ndef parse(): ...\n")
    try:
        patcher = patch("late:parse") if patched_first else None
        late = put_off("late")
        patcher = patcher or patch("late:parse")

        assert not hasattr(sys, "late_is_loaded")
        assert stage_of(late.parse) is not None
        assert patcher.unmatched() == []
    finally:
        vars(sys).pop("late_is_loaded", None)


def test_a_lazy_module_that_is_first_used_after_uninstall_is_left_alone(
    folder: Path, patch: Callable[..., Patcher]
) -> None:
    """The watch ends there, too."""
    write(folder, "late.py", "def parse(): ...\n")
    late = put_off("late")
    patch("late:parse").uninstall()

    assert stage_of(late.parse) is None


def test_what_is_no_plain_module_is_left_alone(folder: Path, patch: Callable[..., Patcher]) -> None:
    """It may answer with anything, and it may refuse to be changed."""
    write(folder, "user.py", "from app.steps import parse\n")
    original = steps().parse

    class Frozen(ModuleType):
        def __setattr__(self, name: str, value: object) -> None:
            raise AttributeError(name)

    frozen = Frozen("frozen")
    vars(frozen)["parse"] = original
    sys.modules["frozen"] = frozen
    user = importlib.import_module("user")
    patch("app.steps:parse")

    assert frozen.parse is original
    assert stage_of(user.parse) is not None


def test_uninstall_puts_everything_back(folder: Path, patch: Callable[..., Patcher]) -> None:
    """The very functions, static and class methods; an inherited method is inherited again; imports are not watched."""
    module = steps()
    before = {
        owner: dict(vars(owner)) for owner in (module, module.Encoder, module.Fast, module.Encoder.Inner)
    }  # fmt: skip
    finders = list(sys.meta_path), list(sys.path_hooks)
    patcher = patch("app.steps:Fast.run", "app.steps:*", "app.steps:Encoder.*", "app.steps:Encoder.Inner.deep")
    assert "run" in vars(module.Fast)
    patcher.uninstall()

    assert {owner: dict(vars(owner)) for owner in before} == before
    assert (list(sys.meta_path), list(sys.path_hooks)) == finders


def test_uninstall_leaves_what_somebody_else_has_replaced(folder: Path, patch: Callable[..., Patcher]) -> None:
    """A function that was patched again since is not ours to put back."""
    patcher = patch("app.steps:parse")
    module = steps()
    module.parse = somebody_elses = lambda path: "theirs"
    patcher.uninstall()

    assert module.parse is somebody_elses


@pytest.mark.parametrize("how", ["reload", "import again"])
def test_a_module_that_is_loaded_again_is_wrapped_again(how: str, folder: Path, patch: Callable[..., Patcher]) -> None:
    """importlib.reload, or a new import after it was removed from sys.modules."""
    patch("app.steps:parse")
    first = steps().parse
    if how == "reload":
        importlib.reload(steps())
    else:
        del sys.modules["app.steps"]

    assert stage_of(steps().parse) is not None
    assert steps().parse is not first


def test_an_import_that_fails_fails_as_ever(folder: Path, patch: Callable[..., Patcher]) -> None:
    """The module's own error, not ours, and it can be imported when it is mended."""
    write(folder, "app/broken.py", "def run(): ...\nraise RuntimeError('broken')\n")
    patch("app.broken:run", "app.missing:run")
    with pytest.raises(RuntimeError, match="broken"):
        importlib.import_module("app.broken")
    with pytest.raises(ModuleNotFoundError, match=r"app\.missing"):
        importlib.import_module("app.missing")
    assert importlib.util.find_spec("app.broken") is not None
    write(folder, "app/broken.py", "def run(): return 'whole'\n# longer than before\n")
    importlib.invalidate_caches()

    assert stage_of(importlib.import_module("app.broken").run) is not None


def test_a_package_and_its_submodules_are_different_targets(folder: Path, patch: Callable[..., Patcher]) -> None:
    """``pkg:*`` is what ``pkg/__init__.py`` defines, not what it imports."""
    write(folder, "pkg/__init__.py", "from pkg.inner import work\ndef own(): ...\n")
    write(folder, "pkg/inner.py", "def work(): ...\ndef more(): ...\n")
    patch("pkg:*", "pkg.inner:more")
    package = importlib.import_module("pkg")

    assert (staged(package), staged(sys.modules["pkg.inner"])) == ({"own"}, {"more"})


def test_a_module_that_replaces_itself_is_wrapped_in_its_new_form(folder: Path, patch: Callable[..., Patcher]) -> None:
    """What ends up in sys.modules is what the program uses."""
    write(
        folder,
        "lazy.py",
        """
        import sys, types
        class Lazy(types.ModuleType):
            pass
        new = Lazy("lazy")
        exec("def work(): return 1", new.__dict__)
        sys.modules["lazy"] = new
        """,
    )
    patch("lazy:work")

    assert stage_of(importlib.import_module("lazy").work) is not None


def test_an_attribute_that_cannot_be_set_is_said_once_and_stays_unmatched(
    patch: Callable[..., Patcher], caplog: pytest.LogCaptureFixture
) -> None:
    """A method of a class written in C."""
    with caplog.at_level(logging.WARNING, "otelkit"):
        patcher = patch("datetime:date.weekday")

    assert [each.text for each in patcher.unmatched()] == ["datetime:date.weekday"]
    assert len(caplog.records) == 1


def test_a_stage_on_a_base_class_and_on_its_heir_are_two(
    folder: Path, patch: Callable[..., Patcher], recorder: Recorder
) -> None:
    """A target on the heir wraps only calls through the heir, and is named after it."""
    patch("app.steps:Fast.run")
    module = steps()
    module.Fast().run(1)
    module.Encoder().run(1)

    assert [span.name for span in recorder.spans] == ["steps.Fast.run"]


def test_a_decorated_function_of_the_users_keeps_working_as_a_target(
    folder: Path, patch: Callable[..., Patcher], recorder: Recorder
) -> None:
    """``otelkit.stage`` in code and a target for another function of the module live side by side."""
    patch("app.steps:parse")
    module = steps()
    module.parse("a")
    module.decorated()

    assert [span.name for span in recorder.spans] == ["steps.parse", "already"]
    assert otelkit.stage is not None


def test_a_child_can_import_what_is_wrapped_while_a_thread_of_the_parent_was_wrapping(
    folder: Path, patch: Callable[..., Patcher]
) -> None:
    """The import in the child does not wait for a thread that is not there."""
    patcher = patch("app.steps:parse")

    with held_by_another_thread(patcher._lock):
        assert in_child(lambda: stage_of(steps().parse) is not None, timeout_s=10) is True
