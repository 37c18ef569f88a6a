"""The two versions of the syntax pipeline, as modules and as programs."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

PLAIN = Path(__file__).parents[2] / "examples" / "syntax_pipeline"
DECORATED = PLAIN / "decorated"
MODULES = ("steps", "workers", "writer", "pipeline")
LIMIT_S = 120

# Each file's name says what is wrong with it; made by the fixture `zoo`.
BROKEN = {
    "syntax.py": b"def f(:\n",
    "latin1.py": b"name = '\xe9'\n",
    "coding.py": b"# -*- coding: no-such-coding -*-\n",
    "null.py": b"x = 1\0\n",
    "nested.py": b"(" * 5_000 + b")" * 5_000 + b"\n",
    "chain.py": b"x = " + b"-" * 100_000 + b"1\n",
}
SOUND = {
    "empty.py": b"",
    "bom.py": b"\xef\xbb\xbfx = 1\n",
    "declared.py": b"# coding: latin-1\nname = '\xe9'\n",
    "warned.py": b"pattern = '\\d' is 'x'\n",
    "package/module.py": b"import os, os.path\nfrom . import a\nfrom ..b import c\n\nclass C:\n    async def f(self): pass\n",
}


@pytest.fixture(params=[PLAIN, DECORATED], ids=["plain", "decorated"])
def program(request: pytest.FixtureRequest) -> Path:
    """Return the folder of one version."""
    folder: Path = request.param
    return folder


@pytest.fixture
def load(program: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Import a module of the version as the program itself would, and forget it afterwards."""
    monkeypatch.syspath_prepend(program)
    for name in MODULES:
        sys.modules.pop(name, None)
    yield importlib.import_module
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.fixture
def start(program: Path, tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start the program in a session of its own; its results go to ``tmp_path / "syntax.db"``.

    Its output is at an end only when its workers, which inherit it, have ended too.
    """

    def start(*arguments: str | Path, python: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *python, program / "pipeline.py", "--db", tmp_path / "syntax.db", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="surrogateescape",
            cwd=tmp_path,
            start_new_session=True,
        )

    return start


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    """Return a folder of files that parse and of files that do not, for as many reasons as there are."""
    folder = tmp_path / "zoo"
    for name, content in {**BROKEN, **SOUND}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "dangling.py").symlink_to(folder / "nowhere.py")
    (folder / "site-packages").mkdir()
    (folder / "site-packages" / "installed.py").write_text("x = 1\n")
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "hidden.py").write_text("x = 1\n")
    return folder
