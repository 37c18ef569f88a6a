"""Log lines as JSON of one schema."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import structlog
from opentelemetry.sdk.trace import TracerProvider

from otelkit import names
from otelkit.logs import JsonFormatter, correlation, identify, structured
from tests.forking import in_child

tracer = TracerProvider(shutdown_on_exit=False).get_tracer("tests")

KEYS = [
    "timestamp", "severity", "message", "logger", "service", "correlation_id", "trace_id", "span_id", "pipeline", "stage",
    "run_id", "user_id", "request_id", "exception", "attributes",
]  # fmt: skip


def record(message: str = "hello %s", *args: object, level: int = logging.INFO, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("app.steps", level, "f.py", 1, message, args or ("you",), None)
    made.created = 1_700_000_000.25
    vars(made).update(fields)
    return made


def line(made: logging.LogRecord, formatter: JsonFormatter | None = None) -> dict[str, Any]:
    text = (formatter or JsonFormatter("svc")).format(made)
    assert "\n" not in text
    return json.loads(text)


@pytest.mark.requirement("LOG-01")
def test_every_line_has_the_same_keys_in_the_same_order() -> None:
    """With and without a span, an exception, extra fields."""
    try:
        raise ValueError("no")
    except ValueError:
        failed = record(level=logging.ERROR, exc_info=sys.exc_info(), rows=3)
    with tracer.start_as_current_span("s"):
        inside = line(failed)

    assert list(line(record())) == list(inside) == KEYS


@pytest.mark.requirement("LOG-01", "LOG-04")
def test_a_line_says_what_happened() -> None:
    """Time in UTC, OpenTelemetry's severity names, the formatted message, extra fields, the exception."""
    try:
        raise ValueError("no")
    except ValueError:
        found = line(record(level=logging.WARNING, exc_info=sys.exc_info(), rows=3, raw=b"\xff", bad=float("nan")))
    stacktrace = found["exception"].pop("stacktrace")

    assert found["timestamp"] == "2023-11-14T22:13:20.250000+00:00"
    assert (found["severity"], found["message"], found["logger"]) == ("WARN", "hello you", "app.steps")
    assert found["service"] == "svc"
    assert found["attributes"] == {"rows": 3, "raw": r"\xff", "bad": "nan"}
    assert found["exception"] == {"type": "ValueError", "message": "no"}
    assert stacktrace.startswith("Traceback")


@pytest.mark.requirement("LOG-02")
def test_inside_a_stage_a_line_says_where_it_comes_from() -> None:
    """Ids of the span, pipeline, stage and run."""
    attributes = {names.PIPELINE_NAME: "p", names.STAGE_NAME: "parse", names.PIPELINE_RUN_ID: "run-1"}
    with tracer.start_as_current_span("s", attributes=attributes) as span:
        found = line(record())
    context = span.get_span_context()

    assert {key: found[key] for key in ("trace_id", "span_id", "pipeline", "stage", "run_id", "correlation_id")} == {
        "trace_id": f"{context.trace_id:032x}",
        "span_id": f"{context.span_id:016x}",
        "pipeline": "p",
        "stage": "parse",
        "run_id": "run-1",
        "correlation_id": "run-1",
    }


@pytest.mark.requirement("LOG-02", "LOG-03", "LOG-05")
def test_every_line_has_a_correlation_id() -> None:
    """The one given, else the run's, else the trace's, else the process's own."""
    formatter = JsonFormatter("svc")
    with tracer.start_as_current_span("s") as span:
        by_trace = line(record(), formatter)["correlation_id"]
        by_run = line(record(), JsonFormatter("svc", "run-9"))["correlation_id"]
        with identify(correlation_id="c", user_id="u", request_id="r"):
            given = line(record(), formatter)
    own = line(record(), formatter)["correlation_id"]

    assert by_trace == f"{span.get_span_context().trace_id:032x}"
    assert by_run == "run-9"
    assert (given["correlation_id"], given["user_id"], given["request_id"]) == ("c", "u", "r")
    assert len(own) == 32
    assert line(record(), formatter)["correlation_id"] == own
    assert in_child(lambda: line(record(), formatter)["correlation_id"]) != own


def test_a_record_formatted_in_another_thread_keeps_its_ids() -> None:
    """A queue listener formats outside the span that the line was logged in."""
    found = line(record(otelTraceID="a" * 32, otelSpanID="b" * 16, otelServiceName="other"), JsonFormatter())

    assert (found["trace_id"], found["span_id"], found["service"]) == ("a" * 32, "b" * 16, "other")
    assert found["attributes"] == {}


def test_structlog_events_are_lines_like_any_other() -> None:
    """The event is the message, its keys are the attributes, its ids are not told twice."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter("svc"))
    stdlib = logging.getLogger("app.structlog")
    stdlib.addHandler(handler)
    log = structlog.wrap_logger(
        stdlib,
        wrapper_class=structlog.stdlib.BoundLogger,
        processors=[structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    )
    try:
        log.error("parsed", rows=3, trace_id="x")
    finally:
        stdlib.removeHandler(handler)
    found = json.loads(stream.getvalue())

    assert (found["message"], found["attributes"]) == ("parsed", {"rows": 3})


PROGRAM = """
import logging, sys
from otelkit.logs import structured
structured.install("svc")
logging.getLogger("app").warning("last resort")
to_file = logging.FileHandler(sys.argv[1])
logging.basicConfig(level=logging.INFO, format="%(message)s")
logging.getLogger().addHandler(to_file)
logging.getLogger("app").info("two\\nlines")
structured.uninstall()
logging.getLogger("app").info("plain again")
"""


@pytest.mark.requirement("LOG-01")
def test_installed_it_makes_json_of_lines_on_stderr_and_of_nothing_else(tmp_path: Path) -> None:
    """Which lines there are is the program's choice; its log files keep their format; it can be undone."""
    to_file = tmp_path / "app.log"
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(to_file)], capture_output=True, text=True, timeout=60, check=True
    )
    first, second, third = run.stderr.splitlines()

    assert [json.loads(text)["message"] for text in (first, second)] == ["last resort", "two\nlines"]
    assert third == "plain again"
    assert to_file.read_text() == "two\nlines\nplain again\n"


def test_the_service_is_known_from_correlation(caplog: pytest.LogCaptureFixture) -> None:
    """Without being told twice."""
    correlation.install("from correlation")
    try:
        logging.getLogger("app").error("x")
    finally:
        correlation.uninstall()

    assert line(caplog.records[-1], JsonFormatter())["service"] == "from correlation"


def test_install_is_undone() -> None:
    """The class has no method of ours left."""
    structured.install()
    structured.uninstall()

    assert "format" not in vars(logging.StreamHandler)
