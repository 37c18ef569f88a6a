"""The environment in which `otelkit run` starts a program."""

from __future__ import annotations

import os

import pytest
from opentelemetry.instrumentation import auto_instrumentation

from otelkit._cli.child_environment import (
    Destination,
    instrumented,
    is_inside,
    sending,
    sends_elsewhere,
    wants_grpc,
)

HERE = Destination("http://127.0.0.1:4318", "http://127.0.0.1:4317")


@pytest.mark.parametrize("before", [None, "", "/mine", "/mine:/yours"])
def test_a_program_is_instrumented_as_by_opentelemetry_instrument(
    before: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search path is the very one that the command makes."""
    env = {} if before is None else {"PYTHONPATH": before}
    ours = instrumented(env)["PYTHONPATH"]
    for name in list(os.environ):
        if name.startswith(("OTEL_", "PYTHONPATH")):
            monkeypatch.delenv(name)
    if before is not None:
        monkeypatch.setenv("PYTHONPATH", before)
    monkeypatch.setattr(auto_instrumentation, "execl", lambda *_: None)
    monkeypatch.setattr("sys.argv", ["opentelemetry-instrument", "true"])
    auto_instrumentation.run()
    theirs = os.environ["PYTHONPATH"]

    assert ours == theirs


def test_instrumenting_twice_is_instrumenting_once() -> None:
    """A run in a run does not pile up."""
    once = instrumented({"PYTHONPATH": "/mine"})

    assert instrumented(once) == once


def test_a_run_inside_is_told_from_one_that_was_given_its_id() -> None:
    """Only `otelkit run` leaves the summary to the one around it; an id of the user's own changes nothing."""
    inside = sending({}, HERE, run_id="r1", run_name="nightly", service_name="app")

    assert is_inside(inside)
    assert not is_inside({"OTEL_PYTHON_OTELKIT_RUN_ID": "r1"})
    assert not is_inside(inside | {"OTEL_PYTHON_OTELKIT_RUN_ID": "r2"})
    assert not is_inside({})


def test_everything_is_set_that_the_user_has_not_set() -> None:
    """Where to send, as what, how often, and which run it is."""
    env = sending({"HOME": "/home/u"}, HERE, run_id="r1", run_name="nightly", service_name="app")

    assert env == {
        "HOME": "/home/u",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318",
        "OTEL_METRIC_EXPORT_INTERVAL": "1000",
        "OTELKIT_RUN_AROUND": "r1",
        "OTEL_PYTHON_DISTRO": "otelkit",
        "OTEL_PYTHON_CONFIGURATOR": "otelkit",
        "OTEL_PYTHON_OTELKIT_RUN_ID": "r1",
        "OTEL_PYTHON_OTELKIT_RUN_NAME": "nightly",
        "OTEL_SERVICE_NAME": "app",
    }


@pytest.mark.parametrize(
    "name",
    ["OTEL_TRACES_EXPORTER", "OTEL_METRIC_EXPORT_INTERVAL", "OTEL_PYTHON_OTELKIT_RUN_ID", "OTEL_SERVICE_NAME"],
)
def test_what_the_user_has_set_stays(name: str) -> None:
    """Every single variable; an empty one counts as unset."""
    assert sending({name: "mine"}, HERE, run_id="r", run_name="nightly", service_name="app")[name] == "mine"
    assert sending({name: ""}, HERE, run_id="r", run_name="nightly", service_name="app")[name] != ""


def test_a_service_name_among_the_resource_attributes_stays_in_force() -> None:
    """OTEL_SERVICE_NAME would override it."""
    env = sending(
        {"OTEL_RESOURCE_ATTRIBUTES": "a=b, service.name=mine"}, HERE, run_id="r", run_name="nightly", service_name="app"
    )

    assert "OTEL_SERVICE_NAME" not in env


def test_a_program_that_speaks_grpc_gets_the_grpc_endpoint() -> None:
    """The protocol is the user's, the endpoint follows."""
    env = sending({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, HERE, run_id="r", run_name="nightly", service_name="app")

    assert env["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:4317"
    assert wants_grpc({"OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "grpc"})
    assert not wants_grpc({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"})


def test_a_token_becomes_the_header_that_exporters_read() -> None:
    """Percent-encoded, as the specification asks."""
    to = Destination("http://10.0.0.1:4318", None, "s3cret=")
    env = sending({}, to, run_id="r", run_name="nightly", service_name="app")

    assert env["OTEL_EXPORTER_OTLP_HEADERS"] == "authorization=Bearer%20s3cret%3D"


@pytest.mark.parametrize(
    ("env", "endpoint"),
    [
        ({}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, "http://collector:4318"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t:4318/v1/traces"}, "http://t:4318/v1/traces"),
    ],
)
def test_an_endpoint_of_the_user_s_is_noticed(env: dict[str, str], endpoint: str | None) -> None:
    """Then there is nothing for us to receive."""
    assert sends_elsewhere(env) == endpoint


def test_a_token_stands_beside_the_headers_of_the_user() -> None:
    """Also of one signal, which exporters take instead of the common ones; an authorization of the user stays."""
    env = {
        "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=a",
        "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "x-tenant=b",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "Authorization=Basic%20mine",
    }
    there = Destination("http://127.0.0.1:4318", None, "s3cret")
    made = sending(env, there, run_id="r", run_name="n", service_name="s")

    assert {name: value for name, value in made.items() if name.endswith("HEADERS")} == {
        "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=a,authorization=Bearer%20s3cret",
        "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "x-tenant=b,authorization=Bearer%20s3cret",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "Authorization=Basic%20mine",
    }
