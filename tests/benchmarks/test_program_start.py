"""The benchmark of a program's start compares what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import program_start
from benchmarks.program_start import OURS, PYTHON, STOCK, UNCONFIGURED, prepared
from benchmarks.programs import environment, run

LOOK = """
import sys
from importlib.util import find_spec
from opentelemetry import trace
has_sdk = not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
print(has_sdk, find_spec("otelkit") is not None)
"""


def test_each_way_installs_what_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing, the stock SDK without otelkit, or otelkit."""
    monkeypatch.setattr(program_start, "NOTHING", LOOK)
    found = {}
    for name, (command, variables) in prepared(tmp_path, "http://127.0.0.1:9").items():
        nowhere = {f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "METRICS", "LOGS")}
        if name in (UNCONFIGURED, STOCK, OURS):
            found[name] = run(command, environment(**variables | nowhere), tmp_path).output.strip()

    assert found == {
        UNCONFIGURED: "False False",
        STOCK: "True False",
        OURS: "True True",
    }


def test_the_yardstick_is_bare_python(tmp_path: Path) -> None:
    """What the others are compared with runs the same interpreter, and nothing of ours."""
    command, variables = prepared(tmp_path, "http://127.0.0.1:9")[PYTHON]

    assert (command[1:], variables) == (["-c", "pass"], {})
