"""What a start imports; each of these takes milliseconds that a program which does not need them should not pay."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.otlp_server import OtlpServer
from tests.programs import clean_environment, instrument

HEAVY = (
    "requests", "urllib3", "google.protobuf", "opentelemetry.proto", "opentelemetry.exporter", "multiprocessing", "sqlite3",
    "uvicorn", "starlette", "rich", "click", "tomllib", "difflib", "http.server", "netrc", "urllib.request",
)  # fmt: skip
SHOW = f"import sys; print([name for name in {HEAVY!r} if name in sys.modules])"


@pytest.mark.sdk
def test_a_program_starts_without_what_it_does_not_need(tmp_path: Path, server: OtlpServer) -> None:
    """All three signals go out over OTLP/HTTP, and none of the libraries that others need for it is imported."""
    done = instrument(
        tmp_path, "python", "-c", SHOW,
        OTEL_EXPORTER_OTLP_ENDPOINT=server.url, OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="*",
    )  # fmt: skip

    assert done.stdout == "[]\n"
    assert server.points, "metrics were sent all the same"


def test_the_launching_process_imports_the_list_of_settings_only() -> None:
    """It ends a moment later."""
    program = (
        "import otelkit._bootstrap.environment_variables, sys; "
        "print([name for name in ('pluggy', 'otelkit.plugin', 'otelkit.model', 'opentelemetry.sdk') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True, env=clean_environment()
    )

    assert done.stdout == "[]\n"


@pytest.mark.sdk
def test_children_are_seen_though_multiprocessing_is_imported_late(tmp_path: Path, server: OtlpServer) -> None:
    """A child of multiprocessing ends past the interpreter's own end, and what it holds is sent all the same."""
    (tmp_path / "otelkit.toml").write_text('stages = ["steps:*"]\n')
    (tmp_path / "steps.py").write_text("def work(n):\n    return n\n")
    (tmp_path / "app.py").write_text(
        "import steps\nsteps.work(0)\nimport multiprocessing\n"
        "process = multiprocessing.get_context('fork').Process(target=steps.work, args=(1,))\n"
        "process.start()\nprocess.join()\n"
    )
    done = instrument(tmp_path, "python", "app.py", OTEL_EXPORTER_OTLP_ENDPOINT=server.url)

    assert (done.returncode, done.stderr) == (0, "")
    spans = [span for span in server.spans if span.name == "steps.work"]
    assert len({span.resource["process.pid"] for span in spans}) == len(spans) == 2
