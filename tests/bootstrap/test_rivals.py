"""Beside other distributions of OpenTelemetry, and beside providers that the program has set."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.otlp_server import OtlpServer
from tests.programs import SCRIPTS, clean_environment, instrument, write

pytestmark = pytest.mark.sdk

VENDOR = """
    from opentelemetry import trace
    from opentelemetry.instrumentation.distro import BaseDistro
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    class Distro(BaseDistro):
        def _configure(self, **kwargs):
            pass

    class Configurator:
        def configure(self, **kwargs):
            provider = TracerProvider(resource=Resource.create({"vendor": "acme"}))
            provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
            trace.set_tracer_provider(provider)
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    write(tmp_path, "steps.py", "def work(n):\n    return n\n")
    write(tmp_path, "app.py", "import steps\nfor n in range(5):\n    steps.work(n)\n")
    write(tmp_path, "otelkit.toml", 'stages = ["steps:work"]\n')
    return tmp_path


def install(folder: Path, name: str, module: str, source: str, entry_points: str) -> None:
    """Put a distribution on the path of programs that run in ``folder``."""
    write(folder, f"{module}.py", source)
    write(folder, f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    write(folder, f"{name}-1.0.dist-info/entry_points.txt", entry_points)


def test_the_generic_distro_beside_us_changes_nothing(app: Path, server: OtlpServer) -> None:
    """`opentelemetry-distro` asks for gRPC, which is not installed, and would switch everything off."""
    install(
        app,
        "opentelemetry_distro",
        "generic",
        """
        import os
        from opentelemetry.instrumentation.distro import BaseDistro
        from opentelemetry.sdk._configuration import _OTelSDKConfigurator

        class OpenTelemetryConfigurator(_OTelSDKConfigurator):
            pass

        class OpenTelemetryDistro(BaseDistro):
            def _configure(self, **kwargs):
                os.environ.setdefault("OTEL_TRACES_EXPORTER", "otlp")
                os.environ.setdefault("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        """,
        """
        [opentelemetry_distro]
        distro = generic:OpenTelemetryDistro
        [opentelemetry_configurator]
        configurator = generic:OpenTelemetryConfigurator
        """,
    )
    done = instrument(app, "python", "app.py", OTEL_EXPORTER_OTLP_ENDPOINT=server.url)

    assert (done.returncode, done.stderr) == (
        0,
        "Configuration of configurator not loaded because otelkit is set by OTEL_PYTHON_CONFIGURATOR\n",
    ) or (
        done.returncode,
        done.stderr,
    ) == (0, "Configuration of configurator not loaded, otelkit already loaded\n")
    assert len(server.spans) == 5
    assert {span.resource["telemetry.distro.name"] for span in server.spans} == {"otelkit"}


def test_with_another_vendors_distro_we_attach_and_say_who_won(app: Path, server: OtlpServer) -> None:
    """Their provider and their exporter stay theirs; our stages use them."""
    install(
        app, "acme", "acme", VENDOR,
        "[opentelemetry_distro]\nacme = acme:Distro\n[opentelemetry_configurator]\nacme = acme:Configurator\n",
    )  # fmt: skip
    done = instrument(
        app, "python", "app.py",
        OTEL_EXPORTER_OTLP_ENDPOINT=server.url,
        OTEL_PYTHON_DISTRO="acme",
        OTEL_PYTHON_CONFIGURATOR="acme",
    )  # fmt: skip

    assert done.returncode == 0
    assert done.stderr.count("otelkit attached to what it set up") == 1
    assert len(server.spans) == 5
    assert {span.resource["vendor"] for span in server.spans} == {"acme"}


def test_a_provider_that_the_program_has_set_is_used_and_not_replaced(app: Path, server: OtlpServer) -> None:
    """`otelkit.configure` after the program's own set-up adds stages to it, and nothing arrives twice."""
    write(
        app,
        "app.py",
        """
        import acme
        acme.Configurator().configure()
        from opentelemetry import trace
        before = trace.get_tracer_provider()
        import otelkit
        otelkit.configure()
        assert trace.get_tracer_provider() is before
        import steps
        for n in range(5):
            steps.work(n)
        assert otelkit.flush(5)
        """,
    )
    write(app, "acme.py", VENDOR)
    done = subprocess.run(
        [SCRIPTS / "python", "app.py"],
        cwd=app, env=clean_environment(OTEL_EXPORTER_OTLP_ENDPOINT=server.url), capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    assert len(server.spans) == 5
    assert {span.resource["vendor"] for span in server.spans} == {"acme"}


def test_a_configuration_file_describes_the_sdk_and_our_settings(app: Path, server: OtlpServer) -> None:
    """`OTEL_CONFIG_FILE` builds the providers, and its spans pass our steps all the same."""
    (app / "otelkit.toml").unlink()
    write(
        app,
        "sdk.yaml",
        f"""
        file_format: "1.0"
        resource:
          attributes:
            - name: service.name
              value: from-file
        tracer_provider:
          processors:
            - batch:
                exporter:
                  otlp_http:
                    endpoint: {server.url}/v1/traces
        distribution:
          otelkit:
            stages: ["steps:work"]
            pipeline: filed
        """,
    )
    done = instrument(app, "python", "app.py", OTEL_CONFIG_FILE="sdk.yaml", OTEL_METRICS_EXPORTER="none")

    assert (done.returncode, done.stderr) == (0, "")
    assert [span.name for span in server.spans] == ["steps.work"] * 5
    assert {span.resource["service.name"] for span in server.spans} == {"from-file"}
    assert {span.attributes["pipeline.name"] for span in server.spans} == {"filed"}
    assert all("pipeline.run.id" in span.attributes for span in server.spans), "our steps have seen them"


def test_configure_reads_the_configuration_file_too(app: Path, server: OtlpServer) -> None:
    """As `opentelemetry-instrument` does, for a program that is started plainly."""
    (app / "otelkit.toml").unlink()
    write(
        app,
        "sdk.yaml",
        f"""
        file_format: "1.0"
        tracer_provider:
          processors:
            - batch:
                exporter:
                  otlp_http:
                    endpoint: {server.url}/v1/traces
        distribution:
          otelkit:
            stages: ["steps:work"]
            pipeline: filed
        """,
    )
    write(app, "app.py", "import otelkit\notelkit.configure()\nimport steps\nsteps.work(1)\n")
    env = clean_environment(OTEL_CONFIG_FILE="sdk.yaml", OTEL_METRICS_EXPORTER="none", OTEL_LOGS_EXPORTER="none")
    done = subprocess.run([SCRIPTS / "python", "app.py"], cwd=app, env=env, capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")
    assert [span.attributes["pipeline.name"] for span in server.spans] == ["filed"]
