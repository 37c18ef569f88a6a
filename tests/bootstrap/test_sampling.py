"""A sampler of ours in a whole program, chosen in each of the ways there are, and what is said when it can't be had."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from otelkit import names
from tests.otlp_server import OtlpServer, Span
from tests.programs import instrument, write

pytestmark = pytest.mark.sdk

_KEPT = "Every trace is kept until it is corrected."


@pytest.fixture
def app(tmp_path: Path) -> Path:
    write(
        tmp_path,
        "steps.py",
        """
        import otelkit

        @otelkit.stage("inner")
        def inner(n):
            return n

        @otelkit.stage("work", pipeline="p")
        def work(n):
            return inner(n)

        @otelkit.stage("health.check")
        def health(n):
            return n
        """,
    )
    write(tmp_path, "app.py", "import steps\nfor n in range(40):\n    steps.work(n)\n    steps.health(n)\n")
    return tmp_path


def states(spans: list[Span]) -> dict[str, set[str]]:
    """Return the tracestates of each span's name."""
    found: dict[str, set[str]] = {}
    for span in spans:
        found.setdefault(span.name, set()).add(span.raw.trace_state)
    return found


def reasons(spans: list[Span]) -> set[tuple[str, str]]:
    return {
        (span.name, span.attributes[names.SAMPLING_REASON])
        for span in spans
        if names.SAMPLING_REASON in span.attributes
    }


def run(app: Path, server: OtlpServer, **env: Any) -> str:
    done = instrument(
        app, "python", "app.py", OTEL_EXPORTER_OTLP_ENDPOINT=server.url, OTEL_METRICS_EXPORTER="none", **env
    )
    assert done.returncode == 0
    return done.stderr


@pytest.mark.requirement("TRC-07")
def test_without_a_sampler_every_trace_arrives(app: Path, server: OtlpServer) -> None:
    """120 of 120 spans, of 80 traces."""
    assert run(app, server) == ""
    assert (len(server.spans), len({span.trace_id for span in server.spans})) == (120, 80)


_WRONG = "stage=a -> 1.4,stage=b -> 0,stage=b -> 1,* -> 1,stage=c -> 0"
_RULES = "never: stage=health* -> 0,half: pipeline=p -> 1/2"


@pytest.mark.requirement("TRC-19")
def test_rules_from_the_environment_decide_where_traces_start(app: Path, server: OtlpServer) -> None:
    """Every span of a kept trace carries the rule's threshold, its root the rule's name; of 40 traces, 2⁻⁴⁰ chance of none."""
    said = run(app, server, OTEL_TRACES_SAMPLER="otelkit_rules", OTEL_PYTHON_OTELKIT_SAMPLING_RULES=_RULES)

    assert said == ""
    assert states(server.spans) == {"work": {"ot=th:8"}, "inner": {"ot=th:8"}}
    assert reasons(server.spans) == {("work", "rule:half")}


def test_a_configuration_file_names_the_sampler_and_has_its_settings(app: Path, server: OtlpServer) -> None:
    """The SDK makes the spans then, and decides the same."""
    write(
        app,
        "sdk.yaml",
        f"""
        file_format: "1.0"
        tracer_provider:
          sampler:
            otelkit_rules:
          processors:
            - batch:
                exporter:
                  otlp_http:
                    endpoint: {server.url}/v1/traces
        distribution:
          otelkit:
            sampling_rules: ["never: stage=health* -> 0", "all: stage=work -> 1"]
        """,
    )
    said = run(app, server, OTEL_CONFIG_FILE="sdk.yaml")

    assert said == ""
    assert states(server.spans) == {"work": {"ot=th:0"}, "inner": {"ot=th:0"}}
    assert len(server.spans) == 80


def test_the_setting_in_our_file_names_the_sampler(app: Path, server: OtlpServer) -> None:
    """Where OpenTelemetry's variable is not set."""
    write(app, "otelkit.toml", 'sampler = "otelkit_ratio"\nsampling_normal_ratio = 0.0\n')

    assert run(app, server) == ""
    assert server.spans == []


@pytest.mark.requirement("TRC-20")
def test_debugging_keeps_every_trace_whatever_sampler_is_chosen(app: Path, server: OtlpServer) -> None:
    """By one variable, and each says why it was kept."""
    said = run(
        app, server,
        OTEL_TRACES_SAMPLER="otelkit_ratio",
        OTEL_TRACES_SAMPLER_ARG="0",
        OTEL_PYTHON_OTELKIT_SAMPLING_DEBUG="true",
    )  # fmt: skip

    assert said == ""
    assert len(server.spans) == 120
    assert states(server.spans) == {name: {"ot=th:0"} for name in ("work", "inner", "health.check")}
    assert reasons(server.spans) == {("work", "debug"), ("health.check", "debug")}


@pytest.mark.requirement("TRC-20")
@pytest.mark.parametrize(
    "sampler", ["otelkit_ratio", "otelkit_rules", "otelkit_tail", "always_off", "parentbased_traceidratio"]
)
def test_one_trace_is_debugged_by_its_baggage(app: Path, server: OtlpServer, sampler: str) -> None:
    """As a request brings it along; whole, and nothing else is kept."""
    write(
        app,
        "app.py",
        """
        from opentelemetry import baggage, context
        import steps

        steps.work(1)
        token = context.attach(baggage.set_baggage("otelkit.debug", "1"))
        steps.work(2)
        context.detach(token)
        steps.work(3)
        """,
    )
    said = run(
        app, server,
        OTEL_TRACES_SAMPLER=sampler,
        OTEL_TRACES_SAMPLER_ARG="" if sampler == "always_off" else "0",
        OTEL_PYTHON_OTELKIT_SAMPLING_RULES="* -> 0" if sampler == "otelkit_rules" else "",
        **({"OTEL_PYTHON_OTELKIT_SAMPLING_RARE_BUDGET_PER_S": "0.001"} if sampler == "otelkit_tail" else {}),
    )  # fmt: skip

    assert said == ""
    debugged = [span for span in server.spans if span.attributes.get(names.SAMPLING_REASON) == "debug"]
    assert [span.name for span in debugged] == ["work"]
    trace = {span.name for span in server.spans if span.trace_id == debugged[0].trace_id}
    assert trace == {"work", "inner"}
    assert {span.raw.trace_state for span in server.spans if span.trace_id == debugged[0].trace_id} == {"ot=th:0"}
    if sampler != "otelkit_tail":  # to which the first trace of a stage is a rare one
        assert len(server.spans) == 2


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        pytest.param(
            {"OTEL_PYTHON_OTELKIT_SAMPLER": "otelkit_rulse"},
            ["OTEL_PYTHON_OTELKIT_SAMPLER asks for the sampler 'otelkit_rulse'", "Did you mean otelkit_rules?", _KEPT],
            id="unknown name",
        ),
        pytest.param(
            {"OTEL_TRACES_SAMPLER": "otelkit_rules", "OTEL_PYTHON_OTELKIT_SAMPLING_RULES": _WRONG},
            ["(rule 1, from", "rate is '1.4'", "it contradicts rule 2", "it is never reached, since rule 4", _KEPT],
            id="rules",
        ),
        pytest.param(
            {"OTEL_TRACES_SAMPLER": "otelkit_ratio", "OTEL_TRACES_SAMPLER_ARG": "1.4"},
            ["OTEL_TRACES_SAMPLER_ARG is '1.4'", "from 0 to 1", _KEPT],
            id="rate",
        ),
        pytest.param(
            {"OTEL_TRACES_SAMPLER": "otelkit_adaptive", "OTEL_TRACES_SAMPLER_ARG": "-5"},
            ["OTEL_TRACES_SAMPLER_ARG is '-5'", _KEPT],
            id="target",
        ),
    ],
)  # fmt: skip
def test_a_sampler_that_cannot_be_had_is_said_and_everything_is_kept(
    app: Path, server: OtlpServer, variables: dict[str, str], named: list[str]
) -> None:
    """Never a silent 100 %."""
    said = run(app, server, **variables)

    for part in named:
        assert part in said
    assert "Traceback" not in said
    assert len(server.spans) == 120


def test_a_negative_budget_is_said_and_its_default_is_in_force(app: Path, server: OtlpServer) -> None:
    """The sampler itself works on."""
    said = run(
        app, server,
        OTEL_TRACES_SAMPLER="otelkit_tail",
        OTEL_TRACES_SAMPLER_ARG="0",
        OTEL_PYTHON_OTELKIT_SAMPLING_ERROR_BUDGET_PER_S="-1",
    )  # fmt: skip

    assert said.count("\n") == 1
    assert (
        "sampling_error_budget_per_s is '-1' (from OTEL_PYTHON_OTELKIT_SAMPLING_ERROR_BUDGET_PER_S); expected a number"
        in said
    )
    assert "100.0 is used until it is corrected." in said
    assert 0 < len(server.spans) < 120


def test_an_unknown_sampler_in_a_configuration_file_costs_nothing_else_of_it(app: Path, server: OtlpServer) -> None:
    """The file's exporter works."""
    write(
        app,
        "sdk.yaml",
        f"""
        file_format: "1.0"
        tracer_provider:
          sampler:
            otelkit_rulse:
          processors:
            - batch:
                exporter:
                  otlp_http:
                    endpoint: {server.url}/v1/traces
        """,
    )
    said = run(app, server, OTEL_CONFIG_FILE="sdk.yaml")

    assert "tracer_provider.sampler in sdk.yaml asks for the sampler 'otelkit_rulse'" in said
    assert said.count("\n") == 1
    assert len(server.spans) == 120


@pytest.mark.requirement("LOG-26")
def test_a_share_of_the_log_lines_leaves_with_their_traces(app: Path, server: OtlpServer) -> None:
    """At the same share, by the same traces; warnings all, and the program's own handlers see every line."""
    write(
        app,
        "app.py",
        """
        import logging, sys
        import otelkit

        logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")

        @otelkit.stage("talk")
        def talk(n):
            logging.getLogger("app").info("line %d", n)
            logging.getLogger("app").warning("warning %d", n)

        for n in range(60):
            talk(n)
        """,
    )
    env = {
        "OTEL_TRACES_SAMPLER": "otelkit_ratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.5",
        "OTEL_PYTHON_OTELKIT_LOG_RATIO": "0.5",
    }
    done = instrument(
        app, "python", "app.py", OTEL_EXPORTER_OTLP_ENDPOINT=server.url, OTEL_METRICS_EXPORTER="none", **env  # type: ignore[arg-type]  # none of them is a parameter
    )  # fmt: skip

    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 120)
    lines = [log for log in server.logs if log.severity == "INFO"]
    assert {log.trace_id for log in lines} == {span.trace_id for span in server.spans}
    assert len(lines) == len(server.spans) < 60
    assert {log.attributes[names.SAMPLING_RATE] for log in lines} == {0.5}
    assert len([log for log in server.logs if log.severity != "INFO"]) == 60
