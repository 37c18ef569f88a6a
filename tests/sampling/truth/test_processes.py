"""Processes that know nothing of each other agree on traces."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.otlp_server import otlp_server
from tests.programs import instrument, write

TRACES = 2_000
PROGRAM = f"""
    import random

    import otelkit
    from opentelemetry import trace

    @otelkit.stage
    def work():
        context = trace.get_current_span().get_span_context()
        return f"{{context.trace_id:032x}} {{int(context.trace_flags.sampled)}} {{context.trace_state.to_header()}}"

    for number in range({TRACES}):
        random.seed(number)  # the ids of each process are the same ones
        print(work())
    """


def decisions(folder: Path, **env: str) -> dict[int, int | None]:
    """Return the threshold at which each trace was kept, None for the others, as the program and what it sent say."""
    write(folder, "app.py", PROGRAM)
    with otlp_server() as server:
        done = instrument(
            folder, "python", "app.py", OTEL_EXPORTER_OTLP_ENDPOINT=server.url, OTEL_METRICS_EXPORTER="none", **env
        )

        assert (done.returncode, done.stderr) == (0, "")
        sent = {int(span.trace_id, 16): threshold(span.raw.trace_state) for span in server.spans}
    said: dict[int, int | None] = {}
    for line in done.stdout.splitlines():
        trace_id, sampled, *state = line.split(" ")
        said[int(trace_id, 16)] = threshold(state[0]) if sampled == "1" else None

    assert {trace_id: found for trace_id, found in said.items() if found is not None} == sent
    assert len(said) == TRACES
    return said


def threshold(header: str) -> int:
    return int(header.removeprefix("ot=th:").ljust(14, "0"), 16)


def ratio(share: float) -> dict[str, str]:
    return {"OTEL_TRACES_SAMPLER": "otelkit_ratio", "OTEL_TRACES_SAMPLER_ARG": str(share)}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(ratio(0.1), ratio(0.4), id="10 % and 40 %"),
        pytest.param(ratio(0.3), ratio(1.0), id="30 % and all"),
    ],
)
def test_what_the_smaller_rate_keeps_the_greater_one_keeps(
    tmp_path: Path, one: dict[str, str], other: dict[str, str]
) -> None:
    """Two processes with different rates: the kept traces of one are among those of the other, at each one's own `th`."""
    fewer, more = decisions(tmp_path / "one", **one), decisions(tmp_path / "other", **other)
    kept = [{trace_id for trace_id, found in each.items() if found is not None} for each in (fewer, more)]

    assert fewer.keys() == more.keys()
    assert 0 < len(kept[0]) < len(kept[1])
    assert kept[0] < kept[1]


CHAIN = """
    import os
    import subprocess
    import sys

    import otelkit

    ENV = {**os.environ, "OTEL_TRACES_SAMPLER_ARG": "0.0"}

    @otelkit.stage
    def outer():
        subprocess.run(["opentelemetry-instrument", sys.executable, "inner.py"], check=True, env=ENV)

    for _ in range(6):
        outer()
    """


def test_a_process_that_keeps_nothing_by_itself_keeps_what_its_parent_kept(tmp_path: Path) -> None:
    """The decision is made once per trace; the child's spans carry the parent's threshold."""
    write(tmp_path, "app.py", CHAIN)
    write(tmp_path, "inner.py", "import otelkit\n\n@otelkit.stage\ndef inner(): pass\n\ninner()\n")
    with otlp_server() as server:
        done = instrument(
            tmp_path, "python", "app.py",
            OTEL_EXPORTER_OTLP_ENDPOINT=server.url, OTEL_METRICS_EXPORTER="none", **ratio(1.0),
        )  # fmt: skip

        assert (done.returncode, done.stderr) == (0, "")
        spans = {name: [span for span in server.spans if span.name == name] for name in ("outer", "inner")}
    assert {name: len(found) for name, found in spans.items()} == {"outer": 6, "inner": 6}
    assert {span.trace_id for span in spans["outer"]} == {span.trace_id for span in spans["inner"]}
    assert {span.raw.trace_state for found in spans.values() for span in found} == {"ot=th:0"}
