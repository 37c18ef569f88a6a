"""Distributions that exist for a test only, and the ``otelkit`` program run beside them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def install(
    site: Path,
    name: str,
    version: str = "1.0",
    *,
    entry_points: Mapping[str, Mapping[str, str]] | None = None,
    modules: Mapping[str, str] | None = None,
) -> None:
    """Put a distribution into the folder ``site``, as an installer would.

    Args:
        site: To be put on a Python's path.
        name: The distribution's.
        version: The distribution's.
        entry_points: Group -> name -> ``module:attribute``.
        modules: File name -> source.
    """
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines: list[str] = []
    for group, entries in (entry_points or {}).items():
        lines += [f"[{group}]", *(f"{key} = {target}" for key, target in entries.items()), ""]
    (info / "entry_points.txt").write_text("\n".join(lines))
    for file, source in (modules or {}).items():
        (site / file).write_text(source)


def clean_environment(site: Path | None = None, **variables: str) -> dict[str, str]:
    """Return this process's environment without any ``OTEL_*``, with ``site`` first on the path, and ``variables``."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "PYTHONPATH"))}
    if site is not None:
        env["PYTHONPATH"] = str(site)
    return env | {"NO_COLOR": "1", "COLUMNS": "120"} | variables


def otelkit(
    *arguments: str, cwd: Path, site: Path | None = None, timeout_s: float = 60, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the ``otelkit`` program in ``cwd``, beside the distributions in ``site``."""
    return subprocess.run(
        [sys.executable, "-m", "otelkit._cli.main", *arguments],
        cwd=cwd,
        env=clean_environment(site, **variables),
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )
