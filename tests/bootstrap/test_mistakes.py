"""A wrong name or value anywhere gives one clear message, and the rest of telemetry works."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.otlp_server import OtlpServer
from tests.programs import instrument, write

pytestmark = pytest.mark.sdk


@pytest.fixture
def app(tmp_path: Path) -> Path:
    write(
        tmp_path,
        "steps.py",
        "import logging\n\ndef work(n):\n    logging.getLogger('app').error('at %d', n)\n    return n\n",
    )
    write(tmp_path, "app.py", "import steps\nfor n in range(3):\n    steps.work(n)\nprint('done')\n")
    write(tmp_path, "idle.py", "def rest(): ...\n")
    write(tmp_path, "otelkit.toml", 'stages = ["steps:work"]\n')
    return tmp_path


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        pytest.param(
            {"OTEL_METRICS_EXPORTER": "prometeus"}, ["OTEL_METRICS_EXPORTER", "prometeus"], id="exporter name"
        ),
        pytest.param({"OTEL_LOGS_EXPORTER": "otpl"}, ["OTEL_LOGS_EXPORTER", "'otpl'", "otlp"], id="misspelt exporter"),
        pytest.param(
            {"OTEL_TRACES_SAMPLER": "otelkit_ration"},
            ["OTEL_TRACES_SAMPLER", "Did you mean otelkit_ratio?"],
            id="sampler",
        ),
        pytest.param(
            {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "7"},
            ["OTEL_TRACES_SAMPLER_ARG", "'7'", "0 to 1"],
            id="sampler argument",
        ),
        pytest.param(
            {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "few"}, ["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "'few'"], id="limit"
        ),
        pytest.param(
            {"OTEL_METRICS_EXEMPLAR_FILTER": "some"}, ["OTEL_METRICS_EXEMPLAR_FILTER", "trace_based"], id="exemplars"
        ),
        pytest.param(
            {"OTEL_EXPORTER_OTLP_COMPRESSION": "zip"}, ["OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"], id="compression"
        ),
        pytest.param({"OTEL_PYTHON_ID_GENERATOR": "xrey"}, ["OTEL_PYTHON_ID_GENERATOR", "xrey"], id="id generator"),
        pytest.param({"OTEL_BSP_MAX_QUEUE_SIZE": "many"}, ["OTEL_BSP_MAX_QUEUE_SIZE", "'many'"], id="queue size"),
        pytest.param({"OTEL_BSP_MAX_QUEUE_SIZE": "inf"}, ["OTEL_BSP_MAX_QUEUE_SIZE", "'inf'"], id="infinite queue"),
        pytest.param({"OTEL_BLRP_SCHEDULE_DELAY": "1e15"}, ["OTEL_BLRP_SCHEDULE_DELAY", "'1e15'"], id="endless delay"),
        pytest.param({"OTEL_METRIC_EXPORT_INTERVAL": "soon"}, ["OTEL_METRIC_EXPORT_INTERVAL", "'soon'"], id="interval"),
        pytest.param(
            {"OTEL_PYTHON_OTELKIT_EXIT_LIMIT_S": "-1"},
            ["OTEL_PYTHON_OTELKIT_EXIT_LIMIT_S", "from 0 to 600"],
            id="our setting",
        ),
        pytest.param(
            {"OTEL_PYTHON_OTELKIT_STAGE": "x:y"},
            ["OTEL_PYTHON_OTELKIT_STAGE", "Did you mean OTEL_PYTHON_OTELKIT_STAGES?"],
            id="unknown setting of ours",
        ),
        pytest.param(
            {"OTEL_CONFIG_FILE": "missing.yaml"}, ["OTEL_CONFIG_FILE", "missing.yaml"], id="configuration file"
        ),
    ],
)
def test_a_mistake_is_named_and_costs_only_itself(
    app: Path, server: OtlpServer, variables: dict[str, str], named: list[str]
) -> None:
    """Every span still arrives, the program's own output and exit code are untouched."""
    done = instrument(app, "python", "app.py", OTEL_EXPORTER_OTLP_ENDPOINT=server.url, **variables)

    assert (done.returncode, done.stdout) == (0, "done\n")
    messages = [line for line in done.stderr.splitlines() if line]
    assert len([line for line in messages if named[0] in line]) == 1, done.stderr
    for part in named:
        assert part in done.stderr
    assert "Traceback" not in done.stderr
    assert [span.name for span in server.spans] == ["steps.work"] * 3


def test_an_unsupported_protocol_switches_nothing_else_off(app: Path, server: OtlpServer) -> None:
    """The one signal it was set for is not exported; the others are."""
    done = instrument(
        app, "python", "app.py",
        OTEL_EXPORTER_OTLP_ENDPOINT=server.url,
        OTEL_EXPORTER_OTLP_METRICS_PROTOCOL="carrier-pigeon",
    )  # fmt: skip

    assert done.returncode == 0
    assert done.stderr.count("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL") == 1
    assert len(server.spans) == 3
    assert len(server.logs) == 3
    assert server.points == []


def test_five_mistakes_in_a_settings_file_are_reported_at_once(app: Path, server: OtlpServer) -> None:
    """Nobody has to correct a file five times."""
    write(
        app,
        "otelkit.toml",
        """
        stages = ["steps:work", "no-colon"]
        exit_limit_s = "long"
        buffer_spans = 0
        log_level = "LOUD"
        stagse = ["x:y"]
        """,
    )
    done = instrument(app, "python", "app.py", OTEL_EXPORTER_OTLP_ENDPOINT=server.url)

    assert (done.returncode, done.stdout) == (0, "done\n")
    for culprit in ("no-colon", "exit_limit_s", "buffer_spans", "log_level", "stagse"):
        assert done.stderr.count(culprit) >= 1, culprit
    assert [span.name for span in server.spans] == ["steps.work"] * 3


def test_a_target_that_matched_nothing_is_named_at_exit(app: Path, server: OtlpServer) -> None:
    """A silent misspelling would look like a stage that never ran."""
    write(app, "otelkit.toml", 'stages = ["steps:work", "steps:wrok", "stepps:work"]\n')
    done = instrument(app, "python", "app.py", OTEL_EXPORTER_OTLP_ENDPOINT=server.url)

    assert (done.returncode, done.stdout) == (0, "done\n")
    assert "steps:wrok" in done.stderr
    assert "stepps:work" in done.stderr
    assert "steps:work," not in done.stderr


def test_a_broken_instrumentation_does_not_stop_the_others(app: Path, server: OtlpServer) -> None:
    """Upstream gives up at the first one that raises; we name it and go on."""
    write(
        app,
        "broken_instrumentation.py",
        "class Broken:\n    def instrument(self, **kw):\n        raise RuntimeError('boom')\n",
    )
    write(app, "broken-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    write(
        app,
        "broken-1.0.dist-info/entry_points.txt",
        "[opentelemetry_instrumentor]\naaa = broken_instrumentation:Broken\n",
    )
    done = instrument(app, "python", "app.py", OTEL_EXPORTER_OTLP_ENDPOINT=server.url)

    assert (done.returncode, done.stdout) == (0, "done\n")
    assert "the instrumentation aaa could not start: RuntimeError: boom" in done.stderr
    assert len(server.spans) == 3


def test_the_exporter_name_jaeger_builds_otlp_and_says_so(app: Path, server: OtlpServer) -> None:
    """An old setting keeps working, with one clear line."""
    done = instrument(app, "python", "app.py", OTEL_EXPORTER_OTLP_ENDPOINT=server.url, OTEL_TRACES_EXPORTER="jaeger")

    assert done.returncode == 0
    assert done.stderr.count("the exporter 'jaeger' sends OTLP to") == 1
    assert len(server.spans) == 3


def test_an_exporter_that_cannot_be_made_costs_only_its_signal(app: Path, server: OtlpServer) -> None:
    """Its constructor may raise anything."""
    write(app, "broken_exporter.py", "class Broken:\n    def __init__(self):\n        raise ValueError('no region')\n")
    write(app, "broken-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    write(
        app,
        "broken-1.0.dist-info/entry_points.txt",
        "[opentelemetry_metrics_exporter]\nbroken = broken_exporter:Broken\n",
    )
    done = instrument(app, "python", "app.py", OTEL_EXPORTER_OTLP_ENDPOINT=server.url, OTEL_METRICS_EXPORTER="broken")

    assert (done.returncode, done.stdout) == (0, "done\n")
    assert "the exporter 'broken' (OTEL_METRICS_EXPORTER) could not be made: ValueError: no region" in done.stderr
    assert "Traceback" not in done.stderr
    assert (len(server.spans), len(server.logs)) == (3, 3)


def test_a_mistake_is_said_once_also_when_otelkit_is_switched_off(app: Path, server: OtlpServer) -> None:
    """The last hook of the launcher does not start what was switched off."""
    done = instrument(
        app, "python", "app.py",
        OTEL_EXPORTER_OTLP_ENDPOINT=server.url,
        OTEL_PYTHON_OTELKIT_ENABLED="false",
        OTEL_PYTHON_OTELKIT_EXIT_LIMIT_S="long",
    )  # fmt: skip

    assert done.stderr.count("exit_limit_s is 'long'") == 1
    assert server.requests == []


@pytest.mark.parametrize("how", ["script", "module"])
def test_targets_that_match_nothing_are_explained_at_the_end(app: Path, how: str) -> None:
    """Of a module that is never imported, of one that is not there, of the standard library, and of the script itself."""
    done = instrument(
        app,
        "python",
        *(["app.py"] if how == "script" else ["-m", "app"]),
        OTEL_PYTHON_OTELKIT_STAGES="os:nope,none.nope:x,stepps:work,steps:wrok,app:main,idle:rest",
        OTEL_SDK_DISABLED="false",
        OTEL_TRACES_EXPORTER="none",
        OTEL_METRICS_EXPORTER="none",
        OTEL_LOGS_EXPORTER="none",
    )
    said = [line for line in done.stderr.splitlines() if line.startswith("otelkit: the stage target")]

    assert done.returncode == 0
    assert [line.split()[4] for line in said] == [
        "os:nope",
        "none.nope:x",
        "stepps:work",
        "steps:wrok",
        "app:main",
    ]
    assert "matches nothing in os." in said[0]
    assert "names the module none.nope, which is not found" in said[1]
    assert said[2].endswith("Did you mean steps:work?")
    assert said[3].endswith("Did you mean steps:work?")
    assert "matches nothing in app, which defines no function" in said[4]
    assert (
        "otelkit: no stage was made of idle:rest: the program has never imported the module" in done.stderr.splitlines()
    )
