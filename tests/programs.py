"""Run small programs as a user would, each in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

SCRIPTS = Path(sys.executable).parent
"""Where `opentelemetry-instrument` and `otelkit` are installed."""

ACCOUNT_FILE = "OTEL_PYTHON_OTELKIT_ACCOUNT_FILE"
"""Set by `tests.accounts` for all programs of a test."""


def clean_environment(**more: str) -> dict[str, str]:
    """Return this process's environment without any OpenTelemetry variable but `ACCOUNT_FILE`, completed by ``more``."""
    env = {
        key: value
        for key, value in os.environ.items()
        if key == ACCOUNT_FILE or not key.startswith(("OTEL_", "PYTHONPATH"))
    }
    env["PATH"] = f"{SCRIPTS}{os.pathsep}{env['PATH']}"
    return env | more


def write(folder: Path, name: str, text: str) -> Path:
    """Write a program's file; the text may be indented as a whole."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
    return path


def instrument(
    folder: Path, *command: str, timeout_s: float = 60.0, flags: tuple[str, ...] = (), **env: str
) -> subprocess.CompletedProcess[str]:
    """Run ``opentelemetry-instrument FLAGS COMMAND`` in ``folder`` and return what came of it."""
    return subprocess.run(
        [str(SCRIPTS / "opentelemetry-instrument"), *flags, *command],
        cwd=folder,
        env=clean_environment(**env),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
