"""Wrong values are taken out before OpenTelemetry raises for them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from otelkit.health import disarm
from tests.programs import SCRIPTS, clean_environment, write


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    disarm.taken.clear()


def test_values_that_would_raise_are_named_and_taken_out(caplog: pytest.LogCaptureFixture) -> None:
    """What is right of a value stays."""
    env = {"OTEL_PROPAGATORS": "tracecontext,b4", "OTEL_SPAN_EVENT_COUNT_LIMIT": "few", "HOME": "/home/u"}
    disarm.disarm(env)

    assert env == {"OTEL_PROPAGATORS": "tracecontext", "HOME": "/home/u"}
    assert "OTEL_PROPAGATORS asks for 'b4', which is not installed." in caplog.text
    assert "OTEL_SPAN_EVENT_COUNT_LIMIT is 'few'; expected a whole number of at least 0" in caplog.text


@pytest.mark.parametrize(
    "env",
    [
        {"OTEL_PROPAGATORS": "tracecontext, baggage"},
        {"OTEL_PROPAGATORS": "none"},
        {"OTEL_SPAN_LINK_COUNT_LIMIT": "0"},
        {"OTEL_ATTRIBUTE_COUNT_LIMIT": "unset"},
        {"OTEL_EXPORTER_OTLP_COMPRESSION": "GZIP"},
        {"OTEL_METRICS_EXEMPLAR_FILTER": ""},
    ],
)
def test_right_values_stay(env: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    """Nothing that the SDK understands is touched."""
    before = dict(env)
    disarm.disarm(env)

    assert env == before
    assert caplog.text == ""


def test_otelkit_run_starts_a_program_that_opentelemetry_alone_could_not(tmp_path: Path) -> None:
    """Upstream's own launcher ends with a traceback for an unknown propagator, before anything of ours is asked."""
    write(tmp_path, "app.py", "from opentelemetry import propagate\nprint('done')\n")
    env = clean_environment(OTEL_PROPAGATORS="b4", OTEL_PYTHON_OTELKIT_RECEIVER_HTTP_PORT="0")

    def run(program: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([SCRIPTS / program, *words], cwd=tmp_path, env=env, capture_output=True, text=True)

    launcher = run("opentelemetry-instrument", "python", "app.py")
    ours = run("otelkit", "run", "python", "app.py")
    doctor = run("otelkit", "doctor", "--json")

    assert launcher.returncode == 1, "a known limit of upstream; if this fails, say so in the how-to page"
    assert (ours.returncode, ours.stdout) == (0, "done\n")
    assert "otelkit: OTEL_PROPAGATORS asks for 'b4', which is not installed." in ours.stderr
    assert (doctor.returncode, "'b4'" in doctor.stdout) == (1, True)
