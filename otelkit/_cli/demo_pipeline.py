"""Where the demo's pipeline is, and how it is started."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path

import otelkit
from otelkit._cli.exits import NotFoundError
from otelkit._cli.receiver_settings import make_store_folder, receiver_settings, store_folder

_STAGES = "OTEL_PYTHON_OTELKIT_STAGES"


def demo_folder() -> Path:
    """Return the folder of the pipeline: in the wheel, or in the checkout that otelkit is used from.

    Raises:
        NotFoundError: It is in neither.
    """
    package = Path(otelkit.__file__).resolve().parent
    for folder in (package / "_demo", package.parent / "examples" / "syntax_pipeline"):
        if (folder / "pipeline.py").is_file():
            return folder
    raise NotFoundError(
        f"The demo's pipeline is neither in {package / '_demo'} nor beside it in examples/. "
        "Install otelkit from its wheel, or use a whole checkout."
    )


def demo_words(limit: int | None) -> list[str]:
    """Return the command that runs the pipeline, its results going beside the store."""
    folder = store_folder(receiver_settings())
    make_store_folder(folder)
    words = [sys.executable, str(demo_folder() / "pipeline.py"), "--db", str(folder / "demo.db")]
    return words if limit is None else [*words, "--limit", str(limit)]


def demo_environment() -> dict[str, str]:
    """Return the environment to start it in.

    Its stages stand in its own ``pyproject.toml``, which is found from its own folder. It runs in the user's folder, whose
    store it uses, so that they are handed over.
    """
    stages = tomllib.loads((demo_folder() / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["otelkit"]["stages"]
    return {**os.environ, _STAGES: ",".join(stages)}
