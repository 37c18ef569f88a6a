"""`opentelemetry-instrument python app.py` against an OTLP server that is not ours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.otlp_server import OtlpServer
from tests.programs import instrument, write

pytestmark = pytest.mark.sdk

STEPS = """
    import logging
    import sqlite3

    log = logging.getLogger("app.steps")

    def parse(text):
        log.warning("parsing %s", text)
        if "bad" in text:
            raise ValueError("cannot parse " + text)
        return text.upper()

    def read(names):
        for name in names:
            yield name

    class Encoder:
        def run(self, value):
            database = sqlite3.connect(":memory:")
            database.cursor().execute("create table t (v)")
            return value
"""

APP = """
    import steps

    for text in steps.read(["one", "two", "bad"]):
        try:
            steps.parse(text)
        except ValueError:
            pass
    steps.Encoder().run("x")
    print("done")
"""

SETTINGS = """
    [tool.otelkit]
    stages = ["steps:*", "steps:Encoder.run"]
    pipeline = "texts"
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    write(tmp_path, "steps.py", STEPS)
    write(tmp_path, "app.py", APP)
    write(tmp_path, "pyproject.toml", SETTINGS)
    return tmp_path


@pytest.mark.requirement("TRC-01", "TRC-10", "TRC-37", "TRC-38", "EXP-03")
def test_every_stage_call_arrives_as_a_span_with_the_right_parent(app: Path, server: OtlpServer) -> None:
    """An unchanged program, three settings lines and one command give whole traces."""
    done = instrument(app, "python", "app.py", OTEL_EXPORTER_OTLP_ENDPOINT=server.url, OTEL_SERVICE_NAME="texts-app")

    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
    stages = [span for span in server.spans if span.scope == "otelkit"]
    assert sorted(span.name for span in stages) == ["steps.Encoder.run", *["steps.parse"] * 3, "steps.read"]
    assert all(span.attributes["pipeline.name"] == "texts" for span in stages)
    assert all(span.parent_id == "" for span in stages), "the loop's calls are not children of the generator"
    assert {span.attributes["pipeline.run.id"] for span in server.spans} == {stages[0].resource["pipeline.run.id"]}


@pytest.mark.requirement("TRC-16", "TRC-31")
def test_a_failing_call_says_what_failed(app: Path, server: OtlpServer) -> None:
    """Status, error type and the recorded exception are on the span."""
    instrument(app, "python", "app.py", OTEL_EXPORTER_OTLP_ENDPOINT=server.url)

    (failed,) = [span for span in server.spans if span.status == 2]
    assert failed.name == "steps.parse"
    assert failed.attributes["error.type"] == "ValueError"
    (event,) = failed.raw.events
    assert event.name == "exception"


def test_spans_of_other_instrumentations_nest_in_stages(app: Path, server: OtlpServer) -> None:
    """A database call inside a stage is the stage's child."""
    instrument(app, "python", "app.py", OTEL_EXPORTER_OTLP_ENDPOINT=server.url)

    (encoder,) = [span for span in server.spans if span.name == "steps.Encoder.run"]
    (database,) = [span for span in server.spans if span.scope == "opentelemetry.instrumentation.sqlite3"]
    assert database.parent_id == encoder.span_id
    assert database.trace_id == encoder.trace_id


def test_other_instrumentations_run_as_usual_and_nest_in_threads_too(tmp_path: Path, server: OtlpServer) -> None:
    """A request is the stage's child, also in a thread that the stage has started; so is the database call after it."""
    write(
        tmp_path,
        "app.py",
        """
        import http.server, logging, sqlite3, threading
        import requests
        import otelkit

        class Page(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *words):
                print(self.headers["traceparent"], flush=True)

        pages = http.server.HTTPServer(("127.0.0.1", 0), Page)
        threading.Thread(target=pages.serve_forever, daemon=True).start()

        def ask():
            requests.get(f"http://127.0.0.1:{pages.server_port}/", timeout=10)

        @otelkit.stage("fetch")
        def fetch():
            ask()
            thread = threading.Thread(target=ask)
            thread.start()
            thread.join()
            sqlite3.connect(":memory:").cursor().execute("select 1")
            logging.getLogger("app").warning("fetched")

        fetch()
        pages.shutdown()
        """,
    )
    done = instrument(tmp_path, "python", "app.py", OTEL_EXPORTER_OTLP_ENDPOINT=server.url)

    assert (done.returncode, done.stderr) == (0, "")
    (fetch,) = [span for span in server.spans if span.name == "fetch"]
    others = [span for span in server.spans if span.name != "fetch"]
    asked = [span for span in others if span.scope == "opentelemetry.instrumentation.requests"]
    assert {span.scope.rpartition(".")[2] for span in others} == {"requests", "sqlite3"}
    assert len(asked) == 2
    assert {span.parent_id for span in others} == {fetch.span_id}
    assert {line.split("-")[2] for line in done.stdout.splitlines()} == {span.span_id for span in asked}
    assert [(log.span_id, log.trace_id) for log in server.logs if log.body == "fetched"] == [
        (fetch.span_id, fetch.trace_id)
    ]


@pytest.mark.requirement("TRC-36", "LOG-02")
def test_log_records_carry_the_ids_of_their_stage_and_arrive_once(app: Path, server: OtlpServer) -> None:
    """From a log line to its trace in one step."""
    instrument(app, "python", "app.py", OTEL_EXPORTER_OTLP_ENDPOINT=server.url)

    by_span = {span.span_id: span for span in server.spans}
    assert sorted(log.body for log in server.logs) == ["parsing bad", "parsing one", "parsing two"]
    for log in server.logs:
        assert by_span[log.span_id].name == "steps.parse"
        assert log.trace_id == by_span[log.span_id].trace_id
        assert not any(key.lower().startswith("otel") for key in log.attributes)


@pytest.mark.requirement("MET-14", "MET-03")
def test_the_metrics_count_every_call(app: Path, server: OtlpServer) -> None:
    """Calls and failures are counted even when no span is sampled."""
    instrument(app, "python", "app.py", OTEL_EXPORTER_OTLP_ENDPOINT=server.url, OTEL_TRACES_SAMPLER="always_off")

    assert server.spans == []
    durations = [point for point in server.points if point.metric == "pipeline.stage.duration"]
    counts = {
        (point.attributes["pipeline.stage.name"], point.attributes.get("error.type")): point.raw.count
        for point in durations
    }
    assert counts == {
        ("steps.parse", None): 2,
        ("steps.parse", "ValueError"): 1,
        ("steps.read", None): 1,
        ("steps.Encoder.run", None): 1,
    }


def test_resource_attributes_of_the_user_win(app: Path, server: OtlpServer) -> None:
    """`OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` keep their meaning on all three signals."""
    instrument(
        app, "python", "app.py",
        OTEL_EXPORTER_OTLP_ENDPOINT=server.url,
        OTEL_SERVICE_NAME="mine",
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test,service.instance.id=one",
    )  # fmt: skip

    for signal in (server.spans, server.logs, server.points):
        assert signal
        for item in signal:
            assert item.resource["service.name"] == "mine"
            assert item.resource["deployment.environment.name"] == "test"
            assert item.resource["service.instance.id"] == "one"
            assert item.resource["telemetry.distro.name"] == "otelkit"


def test_headers_and_paths_of_the_exporter_settings_are_kept(app: Path, server: OtlpServer) -> None:
    """The stock exporter's settings work as everywhere."""
    instrument(
        app, "python", "app.py",
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{server.url}/v1/traces",
        OTEL_EXPORTER_OTLP_HEADERS="x-team=data",
        OTEL_METRICS_EXPORTER="none",
        OTEL_LOGS_EXPORTER="none",
    )  # fmt: skip

    assert {path for path, _ in server.requests} == {"/v1/traces"}
    assert {headers["x-team"] for headers in server.headers} == {"data"}


def test_otel_sdk_disabled_switches_everything_off(app: Path, server: OtlpServer) -> None:
    """One variable of OpenTelemetry stops all of it."""
    done = instrument(app, "python", "app.py", OTEL_EXPORTER_OTLP_ENDPOINT=server.url, OTEL_SDK_DISABLED="true")

    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
    assert server.requests == []


@pytest.mark.requirement("CFG-04")
def test_our_settings_are_flags_of_the_command(app: Path, server: OtlpServer) -> None:
    """`--otelkit_pipeline` is `OTEL_PYTHON_OTELKIT_PIPELINE`."""
    help_text = instrument(app, "--help").stdout
    done = instrument(
        app, "python", "app.py", flags=("--otelkit_pipeline", "by-flag"), OTEL_EXPORTER_OTLP_ENDPOINT=server.url
    )

    assert "--otelkit_stages" in help_text
    assert done.returncode == 0
    assert {span.attributes["pipeline.name"] for span in server.spans if span.scope == "otelkit"} == {"by-flag"}


@pytest.mark.requirement("LOG-02", "TRC-36")
def test_structlog_events_carry_the_ids_of_their_stage_and_arrive_once(app: Path, server: OtlpServer) -> None:
    """structlog's own loggers do not pass the standard library's logging."""
    write(
        app,
        "steps.py",
        """
        import structlog

        def parse(text):
            structlog.get_logger().warning("parsing", text=text)
        """,
    )
    write(app, "app.py", "import steps\nfor text in ('one', 'two'):\n    steps.parse(text)\n")
    done = instrument(app, "python", "app.py", OTEL_EXPORTER_OTLP_ENDPOINT=server.url)

    assert done.returncode == 0
    spans = [span for span in server.spans if span.name == "steps.parse"]
    assert [(log.body, log.attributes["text"]) for log in server.logs] == [("parsing", "one"), ("parsing", "two")]
    assert [log.span_id for log in server.logs] == [span.span_id for span in spans]
    for span in spans:
        assert span.trace_id in done.stdout


@pytest.mark.requirement("LOG-01")
def test_log_lines_become_json_of_one_schema_on_demand(app: Path, server: OtlpServer) -> None:
    """One setting, and every line says who, where and in which trace."""
    write(app, "app.py", "import logging\nlogging.basicConfig()\nimport steps\nsteps.parse('one')\n")
    done = instrument(
        app, "python", "app.py", OTEL_EXPORTER_OTLP_ENDPOINT=server.url, OTEL_PYTHON_OTELKIT_LOG_FORMAT="json"
    )

    (line,) = [json.loads(line) for line in done.stderr.splitlines()]
    (span,) = [span for span in server.spans if span.name == "steps.parse"]
    assert (line["message"], line["severity"], line["stage"]) == ("parsing one", "WARN", "steps.parse")
    assert (line["trace_id"], line["span_id"]) == (span.trace_id, span.span_id)
    assert line["run_id"] == span.attributes["pipeline.run.id"]


def test_limits_and_propagators_keep_their_meaning(app: Path, server: OtlpServer) -> None:
    """Values are cut where OpenTelemetry's limits say, and only the chosen propagators inject."""
    write(
        app,
        "app.py",
        """
        from opentelemetry import baggage, context, propagate, trace
        context.attach(baggage.set_baggage("team", "data"))
        with trace.get_tracer("mine").start_as_current_span("outer", attributes={"long": "x" * 100}):
            carrier = {}
            propagate.inject(carrier)
        print(sorted(carrier))
        """,
    )
    done = instrument(
        app, "python", "app.py",
        OTEL_EXPORTER_OTLP_ENDPOINT=server.url,
        OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT="10",
        OTEL_PROPAGATORS="baggage",
    )  # fmt: skip

    assert done.stdout == "['baggage']\n"
    (span,) = server.spans
    assert span.attributes["long"] == "x" * 10


def test_our_objects_are_not_walked_by_the_programs_garbage_collections(app: Path, server: OtlpServer) -> None:
    """And the collector works for the program as it always does."""
    write(
        app,
        "app.py",
        """
        import gc, weakref

        class Node:
            pass

        node = Node()
        node.itself = node
        gone = weakref.ref(node)
        del node
        gc.collect()
        print(gone() is None, gc.isenabled(), gc.get_freeze_count() > 10_000, len(gc.get_objects()) < 30_000)
        """,
    )
    done = instrument(app, "python", "app.py", OTEL_EXPORTER_OTLP_ENDPOINT=server.url)

    assert done.stdout == "True True True True\n"
