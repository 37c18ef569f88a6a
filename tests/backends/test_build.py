"""The script that builds the real backends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.backends.built import BUILD, folder
from tests.programs import clean_environment


def build(*names: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, BUILD, *names], env=clean_environment(**env), capture_output=True, text=True)


def test_a_backend_that_does_not_exist_is_named_beside_those_that_do() -> None:
    """With the exit code of a usage error, before anything is built."""
    done = build("prometeus")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "there is no backend prometeus; there are collector, prometheus\n"


def test_without_go_it_says_what_to_install(tmp_path: Path) -> None:
    """And fails: a backend that is not there is no reason to skip a test."""
    done = build("collector", PATH=str(tmp_path))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("the backends are built with Go, which is not on the PATH; install 1.26 or newer")


@pytest.mark.backends
@pytest.mark.parametrize(
    ("setting", "used"), [("https://proxy.example,direct", "https://proxy.example"), ("off", "off"), ("direct", None)]
)
def test_modules_come_from_the_proxies_that_are_set_and_no_others(setting: str, used: str | None) -> None:
    """Nowhere else; where none is left, a sentence says so."""
    script = "from go import environment; print(environment()['GOPROXY'])"
    env = clean_environment(GOPROXY=setting)
    done = subprocess.run([sys.executable, "-c", script], cwd=BUILD.parent, env=env, capture_output=True, text=True)

    assert done.stdout.strip() == (used or "")
    assert (
        (done.returncode, done.stderr) == (0, "")
        if used
        else done.stderr.startswith("GOPROXY is 'direct', which names no")
    )


@pytest.mark.backends
@pytest.mark.parametrize(
    ("backend", "programs"), [("collector", {"otelkit-collector"}), ("prometheus", {"prometheus", "promtool"})]
)
def test_what_is_built_is_there_the_next_time(backend: str, programs: set[str]) -> None:
    """Without network and without a second build."""
    built = folder(backend)
    before = {path.name: path.stat().st_mtime_ns for path in built.iterdir()}
    done = build(backend, GOPROXY="off")

    assert set(before) == programs
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{built}\n", "")
    assert {path.name: path.stat().st_mtime_ns for path in built.iterdir()} == before


@pytest.mark.backends
@pytest.mark.parametrize(
    ("backend", "program", "version"),
    [
        ("collector", "otelkit-collector", "otelkit-collector version 0.157.0"),
        ("prometheus", "prometheus", "prometheus, version 3.15.0"),
        ("prometheus", "promtool", "promtool, version 3.15.0"),
    ],
)
def test_programs_tell_their_versions(backend: str, program: str, version: str) -> None:
    """Which is what the pages say is tested."""
    done = subprocess.run([folder(backend) / program, "--version"], capture_output=True, text=True)

    assert done.stdout.startswith(version)
