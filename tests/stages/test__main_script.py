"""Targets in the program's own script."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from otelkit.model.targets import StageTarget
from otelkit.stages._main_script import MainScript
from tests.programs import clean_environment, write

INSTALL = """
    # Stands for what `opentelemetry-instrument` does: install before the program starts.
    import atexit, json, os, sys
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    from otelkit import _current
    from otelkit.model.targets import StageTarget
    from otelkit.spans.stage_spans import SdkStageSpans
    from otelkit.stages import Patcher, Runtime

    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    _current.runtime = Runtime(
        spans=SdkStageSpans(provider.get_tracer("test")), observers=(), describers={}, default_pipeline="p",
        flush=lambda timeout_s: True,
    )
    patcher = Patcher([StageTarget(*text.split(":")) for text in os.environ["TARGETS"].split(",")])
    patcher.install()

    @atexit.register
    def report():
        spans = [span.name for span in exporter.get_finished_spans()]
        unmatched = [target.text for target in patcher.unmatched()]
        if os.getpid() == started:
            print(json.dumps({"spans": spans, "unmatched": unmatched}), file=sys.stderr)

    started = os.getpid()
"""

PROGRAM = """
    '''What the program is for.'''
    from __future__ import annotations
    import inspect, json, sys
    import beside

    def _decorate(function):
        return function

    def parse(path: Unknown):
        return path

    @_decorate
    def extract(tree):
        return tree

    class Encoder:
        def run(self):
            return "run"

        @classmethod
        def build(cls):
            return cls()

    if sys.argv:
        def conditional():
            return inspect.currentframe().f_lineno

    def _private():
        return None

    def fail():
        raise ValueError("line of fail")

    if __name__ == "__main__":
        parse("a"), extract("b"), Encoder.build().run(), _private()
        print(json.dumps({
            "doc": __doc__, "name": __name__, "file": __file__, "spec": str(__spec__), "package": __package__,
            "loader": type(__loader__).__name__, "argv": sys.argv, "path0": sys.path[0], "line": conditional(),
            "source": inspect.getsource(extract), "firstlineno": inspect.getsourcelines(parse)[1],
            "names": sorted(name for name in globals() if not name.startswith("__")), "cached": repr(__cached__),
            "annotation": inspect.unwrap(parse).__annotations__,
        }))
        if "fail" in sys.argv:
            fail()
        sys.exit(3)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "site/sitecustomize.py", INSTALL)
    write(tmp_path, "app/steps.py", PROGRAM)
    write(tmp_path, "app/beside.py", "")
    return tmp_path


def run(folder: Path, *arguments: str, targets: str | None) -> tuple[dict[str, Any], dict[str, Any], int, str]:
    """Run Python; return what the program printed, what was recorded, the exit code, and stderr."""
    where = os.pathsep.join([str(folder / "site"), str(Path(__file__).parents[2])]) if targets else ""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=clean_environment(PYTHONPATH=where, TARGETS=targets or ""),
        capture_output=True,
        text=True,
        timeout=60,
    )
    recorded = next((line for line in done.stderr.splitlines() if line.startswith('{"spans"')), "{}")
    return json.loads(done.stdout or "{}"), json.loads(recorded), done.returncode, done.stderr


ALL = ["parse", "extract", "Encoder.build", "Encoder.run", "conditional"]


@pytest.mark.parametrize(
    ("targets", "spans"),
    [
        ("steps:parse", ["parse"]),
        ("__main__:parse", ["parse"]),
        ("app.steps:parse", ["parse"]),
        ("steps:*,steps:Encoder.*", ALL),
        ("steps:Encoder.run,steps:_private", ["Encoder.run", "_private"]),
    ],
)
def test_functions_of_the_script_are_stages(targets: str, spans: list[str], folder: Path) -> None:
    """By the module's name or as ``__main__``; as if they had been decorated, so from the first call on."""
    _, recorded, code, _ = run(folder, "app/steps.py", targets=targets)

    assert (recorded, code) == ({"spans": spans, "unmatched": []}, 3)


def test_the_script_sees_what_it_would_see_without_us(folder: Path) -> None:
    """Its globals, its search path, its lines and its sources."""
    bare, *_ = run(folder, "app/steps.py", "argument", targets=None)
    staged, *_ = run(folder, "app/steps.py", "argument", targets="steps:*")

    assert staged == bare


def test_python_dash_m_is_the_same(folder: Path) -> None:
    """The module is run by its name, and keeps its spec."""
    write(folder, "app/__init__.py", "")
    write(folder, "beside.py", "")
    bare, *_ = run(folder, "-m", "app.steps", targets=None)
    staged, recorded, code, _ = run(folder, "-m", "app.steps", targets="app.steps:parse")

    spec = "ModuleSpec(name='app.steps', loader=<_frozen_importlib_external.SourceFileLoader object at"
    assert (recorded, code) == ({"spans": ["parse"], "unmatched": []}, 3)
    assert staged.pop("spec").startswith(spec)
    assert bare.pop("spec").startswith(spec)
    assert staged == bare


def test_a_traceback_shows_the_scripts_own_lines(folder: Path) -> None:
    """And the exit code is Python's."""
    *_, code, errors = run(folder, "app/steps.py", "fail", targets="steps:fail")

    assert code == 1
    assert 'raise ValueError("line of fail")\n' in errors
    assert errors.count("ValueError: line of fail") == 1


@pytest.mark.parametrize("text", ["def parse(:\n", "def parse(): return '\0'\n"])
def test_a_script_that_does_not_compile_fails_as_ever(text: str, folder: Path) -> None:
    """The interpreter says what is wrong."""
    write(folder, "broken.py", text)
    *_, bare_code, bare = run(folder, "broken.py", targets=None)
    *_, code, errors = run(folder, "broken.py", targets="broken:parse")

    assert (code, errors.splitlines()[:-1]) == (bare_code, bare.splitlines())


def test_what_the_script_does_not_define_is_unmatched(folder: Path) -> None:
    """A script without a single match is left to the interpreter, as is code given on the command line."""
    _, recorded, code, _ = run(folder, "app/steps.py", targets="steps:nothing")
    _, from_command, _, _ = run(folder, "-c", "def parse(): ...\nparse()", targets="__main__:parse")

    assert (recorded, code) == ({"spans": [], "unmatched": ["steps:nothing"]}, 3)
    assert from_command == {"spans": [], "unmatched": ["__main__:parse"]}


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_worker_processes_of_a_script_have_the_same_stages(method: str, folder: Path) -> None:
    """A spawned child runs the script again as ``__mp_main__``; its functions pickle by name and are stages there."""
    write(
        folder,
        "pool.py",
        """
        import json, multiprocessing, sys

        def work(x):
            return x + 1

        def staged(_):
            return work.__otelkit_stage__.name

        if __name__ == "__main__":
            context = multiprocessing.get_context(sys.argv[1])
            with context.Pool(1) as pool:
                print(json.dumps({"results": pool.map(work, [1, 2]), "stage": pool.map(staged, [0])}))
        """,
    )
    printed, _, code, errors = run(folder, "pool.py", method, targets="pool:work")

    assert (printed, code) == ({"results": [2, 3], "stage": ["work"]}, 0), errors


def test_decorating_adds_nothing_but_decorators() -> None:
    """Every line of the script is where it was; nested functions and attributes of other names are left alone."""
    source = b"def parse(x):\n    def parse(y): return y\n    return parse(x)\nclass C:\n    def parse(self): ...\n"
    target = StageTarget("steps", "parse")
    code = MainScript([], print)._decorated(source, "steps.py", [target], None)

    assert code is not None
    names = {"decorator": None, "__name__": "steps"}
    exec(code, names)
    parse: Any = names["parse"]
    c: Any = names["C"]
    assert hasattr(parse, "__otelkit_stage__")
    assert not hasattr(c.parse, "__otelkit_stage__")
    assert parse(1) == 1
    assert names["decorator"] is None
