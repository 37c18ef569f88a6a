"""`otelkit.configure` for a program that is started plainly."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.otlp_server import otlp_server
from tests.programs import SCRIPTS, clean_environment, write

pytestmark = pytest.mark.sdk


def run(folder: Path, text: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a program that imports otelkit, without any launcher."""
    write(folder, "app.py", text)
    return subprocess.run(
        [SCRIPTS / "python", "app.py"],
        cwd=folder,
        env=clean_environment(**env),
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_it_does_for_a_plain_program_what_the_launcher_does(tmp_path: Path) -> None:
    """Stages by decorator, a processor of the SDK's handed over, and a flush that says that all has arrived."""
    with otlp_server() as server:
        done = run(
            tmp_path,
            """
            import otelkit
            from opentelemetry.sdk.trace import SpanProcessor

            class Names(SpanProcessor):
                def on_end(self, span):
                    print("ended", span.name)

            otelkit.configure(pipeline="plain", span_processors=[Names()])

            @otelkit.stage
            def work(n):
                return n

            work(1)
            assert otelkit.flush(10)
            """,
            OTEL_EXPORTER_OTLP_ENDPOINT=server.url,
        )

        assert (done.returncode, done.stdout, done.stderr) == (0, "ended work\n", "")
        assert [span.attributes["pipeline.name"] for span in server.spans] == ["plain"]


def test_all_mistakes_made_in_code_are_raised_at_once(tmp_path: Path) -> None:
    """Nothing is installed then, and mistakes made elsewhere are only said."""
    done = run(
        tmp_path,
        """
        import otelkit
        from opentelemetry import trace
        try:
            otelkit.configure(exit_limit_s="long", buffer_spans=0, stagse=[])
        except otelkit.OtelkitError as error:
            print(len(error.mistakes), isinstance(error, ValueError))
        print(type(trace.get_tracer_provider()).__name__)
        """,
        OTEL_PYTHON_OTELKIT_LOG_LEVEL="LOUD",
    )

    assert done.stdout == "3 True\nProxyTracerProvider\n"


def test_a_second_call_with_other_settings_is_an_error_that_shows_no_secret(tmp_path: Path) -> None:
    """Equal settings, or none, are fine."""
    done = run(
        tmp_path,
        """
        import otelkit
        otelkit.configure(receiver_token="first-secret", exit_limit_s=1)
        otelkit.configure()
        otelkit.configure(exit_limit_s=1.0)
        try:
            otelkit.configure(receiver_token="second-secret", exit_limit_s=3)
        except RuntimeError as error:
            print(type(error).__name__, error)
        from otelkit._assembly.install import installation
        print(installation().settings)
        """,
        OTEL_TRACES_EXPORTER="none",
        OTEL_METRICS_EXPORTER="none",
        OTEL_LOGS_EXPORTER="none",
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("AlreadyConfiguredError")
    assert "exit_limit_s=3 (in force: 1.0)" in done.stdout
    assert "secret" not in done.stdout + done.stderr


def test_observers_see_calls_when_metrics_are_switched_off(tmp_path: Path) -> None:
    """They are no metrics of ours: a plugin may count what it likes."""
    done = run(
        tmp_path,
        """
        import otelkit
        from otelkit.model.observers import CallObserver

        class Seen(CallObserver):
            name = "seen"

            def closed(self, call):
                print("saw", call.stage.name)

        class Plugin:
            @otelkit.hookimpl
            def otelkit_call_observers(self, settings):
                return [Seen()]

        otelkit.configure(enable_metrics=False, plugins=[Plugin()])

        @otelkit.stage
        def work():
            pass

        work()
        """,
        OTEL_TRACES_EXPORTER="none",
        OTEL_LOGS_EXPORTER="none",
    )

    assert (done.stdout, done.stderr) == ("saw work\n", "")
