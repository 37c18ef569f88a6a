"""A plugin that fails, wherever it fails, harms nothing but itself."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.distributions import install, otelkit
from tests.otlp_server import OtlpServer, otlp_server
from tests.programs import instrument, write

_AT_IMPORT = "raise RuntimeError('rotten')\n"

_IN_A_HOOK = """
import otelkit

@otelkit.hookimpl
def otelkit_span_steps():
    raise RuntimeError("rotten")
"""

_STEP = """
import otelkit
from otelkit.model.steps import Phase, SpanStep

class Rotten(SpanStep):
    name = "rotten"
    phase = Phase.ENRICH

    def {method}:
        raise {error}

@otelkit.hookimpl
def otelkit_span_steps():
    return [Rotten()]
"""

_GOOD = """
import otelkit
from otelkit.model.steps import Phase, SpanStep

class Mark(SpanStep):
    name = "mark"
    phase = Phase.ENRICH

    def on_start(self, span, parent):
        span.set_attribute("good", True)

@otelkit.hookimpl
def otelkit_span_steps():
    return [Mark()]
"""

_CALLS = 25


def _program(folder: Path, bad_plugin: str) -> Path:
    """Put a program into ``folder``, beside a site with a bad and a good plugin; return the site."""
    site = folder / "site"
    install(site, "bad-otel", entry_points={"otelkit": {"bad": "bad_p"}}, modules={"bad_p.py": bad_plugin})
    install(site, "good-otel", entry_points={"otelkit": {"good": "good_p"}}, modules={"good_p.py": _GOOD})
    write(folder, "work.py", "def step(n):\n    return n * 2\n")
    write(folder, "app.py", f"import work\nprint(sum(work.step(n) for n in range({_CALLS})))\n")
    write(folder, "otelkit.toml", 'stages = ["work:step"]\n')
    return site


def _run(folder: Path, site: Path, server: OtlpServer) -> CompletedProcess[str]:
    return instrument(folder, sys.executable, "app.py", PYTHONPATH=str(site), OTEL_EXPORTER_OTLP_ENDPOINT=server.url)


@pytest.mark.parametrize(
    ("where", "bad_plugin"),
    [
        ("could not be imported", _AT_IMPORT),
        ("failed in otelkit_span_steps", _IN_A_HOOK),
        ("on_start", _STEP.format(method="on_start(self, span, parent)", error="RuntimeError('rotten')")),
        ("on_start", _STEP.format(method="on_start(self, span, parent)", error="SystemExit(7)")),
        ("on_end", _STEP.format(method="on_end(self, span)", error="RuntimeError('rotten')")),
    ],
    ids=["at import", "in a hook", "in on_start", "in on_start by exit", "in on_end"],
)
def test_the_program_its_telemetry_and_other_plugins_work_on(where: str, bad_plugin: str, tmp_path: Path) -> None:
    """Same output, same exit code, every span delivered, the other plugin's mark on each, one warning with the culprit."""
    site = _program(tmp_path, bad_plugin)

    with otlp_server() as server:
        done = _run(tmp_path, site, server)

    assert (done.returncode, done.stdout) == (0, f"{_CALLS * (_CALLS - 1)}\n")
    assert [span.attributes.get("good") for span in server.spans if span.name == "work.step"] == [True] * _CALLS
    assert "Traceback" not in done.stderr
    about = [line for line in done.stderr.splitlines() if "bad-otel" in line and "switched off" not in line]
    assert len(about) == 1
    assert "rotten" in about[0] or "SystemExit: 7" in about[0]
    assert where in about[0]


@pytest.mark.parametrize("method", ["on_start(self, span, parent)", "on_end(self, span)"])
def test_what_failed_at_run_time_is_told_afterwards(method: str, tmp_path: Path) -> None:
    """A line in `otelkit plugins`, one in `otelkit doctor`, and a count in the metric `otelkit.step.faults`."""
    site = _program(tmp_path, _STEP.format(method=method, error="RuntimeError('rotten')"))

    with otlp_server() as server:
        _run(tmp_path, site, server)
    plugins = json.loads(otelkit("plugins", "--json", cwd=tmp_path, site=site).stdout)["plugins"]
    findings = json.loads(otelkit("doctor", "--json", cwd=tmp_path, site=site).stdout)["findings"]

    (bad,) = [plugin for plugin in plugins if plugin["name"] == "bad"]
    (fault,) = bad["faults"]
    assert "RuntimeError: rotten" in fault["cause"]
    assert fault["switched_off"]
    (finding,) = [finding for finding in findings if finding["id"] == "plugin.faults"]
    assert "bad-otel" in finding["what"]
    counted = [point.raw.as_int for point in server.points if point.metric == "otelkit.step.faults"]
    assert max(counted) >= 10


def test_a_stock_processor_that_fails_is_contained_like_any_step(tmp_path: Path) -> None:
    """The entry-point group of stock span processors comes through the same door."""
    site = _program(tmp_path, _GOOD.replace("mark", "second").replace("Mark", "Second"))
    source = (
        "from opentelemetry.sdk.trace import SpanProcessor\n"
        "class Bad(SpanProcessor):\n"
        "    def on_start(self, span, parent_context=None):\n        raise RuntimeError('rotten')\n"
        "    def on_end(self, span):\n        raise RuntimeError('rotten')\n"
    )
    install(
        site,
        "rotten-processor",
        entry_points={"opentelemetry_span_processor": {"rotten": "rotten_processor:Bad"}},
        modules={"rotten_processor.py": source},
    )

    with otlp_server() as server:
        done = _run(tmp_path, site, server)

    assert done.returncode == 0
    assert len([span for span in server.spans if span.name == "work.step"]) == _CALLS
    assert "rotten-processor" in done.stderr
