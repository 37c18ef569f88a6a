"""What runs for long is seen while it runs, and a run that is over is seen to be: with the real receiver and its store."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from otelkit import names
from otelkit.errors import OtelkitError
from otelkit.model.views import LongCall, RunRow
from tests.cli.running import environment, otelkit, runs
from tests.otlp_server import Log, OtlpServer, otlp_server
from tests.programs import SCRIPTS, clean_environment, write
from tests.waiting import wait_until

LONG = """
    import os, signal, sys, threading
    import otelkit

    @otelkit.stage("quick")
    def quick():
        pass

    @otelkit.stage("enhance", item="path")
    def enhance(path):
        sys.stdin.readline()

"""

RUN = """
    with otelkit.run("nightly", total=10) as run:
        run.advance(3)
        enhance("big.wav")
"""

WORKERS = """
    import multiprocessing

    go_on = multiprocessing.Event()

    @otelkit.stage("work", item="path")
    def work(path):
        go_on.wait(60)

    if __name__ == "__main__":
        with multiprocessing.get_context("fork").Pool(2) as pool:
            done = pool.map_async(work, ["a.wav", "b.wav"], chunksize=1)
            sys.stdin.readline()
            go_on.set()
            done.get(60)
            pool.close()
            pool.join()
"""


@contextmanager
def started(folder: Path, endpoint: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    """Start the program with heartbeats each second; end it with a line on its stdin."""
    env = clean_environment(
        OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
        OTEL_METRIC_EXPORT_INTERVAL="500",
        **{"OTEL_PYTHON_OTELKIT_HEARTBEAT_S": "1"} | more,
    )
    with subprocess.Popen(
        [str(SCRIPTS / "opentelemetry-instrument"), "python", "app.py"],
        cwd=folder, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as program:  # fmt: skip
        try:
            yield program
        finally:
            program.kill()


@contextmanager
def receiver(folder: Path) -> Iterator[str]:
    """Have `otelkit up` listen for ``folder``; gives the endpoint."""
    env = environment()
    assert otelkit(folder, "up", env=env).returncode == 0
    try:
        yield f"http://127.0.0.1:{env['OTEL_PYTHON_OTELKIT_RECEIVER_HTTP_PORT']}"
    finally:
        otelkit(folder, "down", env=env)


def the_run(folder: Path) -> RunRow | None:
    """Return the only run there is, if it has arrived."""
    try:
        found = runs(folder)
    except OtelkitError:
        return None  # nothing is stored yet
    assert len(found) <= 1, [run.id for run in found]
    return found[0] if found else None


def long_calls(folder: Path) -> tuple[LongCall, ...]:
    """Return the calls that are shown to run for long."""
    run = the_run(folder)
    return run.long_calls if run is not None else ()


def beats(server: OtlpServer) -> list[Log]:
    """Return the heartbeats that have arrived."""
    return [log for log in server.logs if names.STAGE_ELAPSED_S in log.attributes]


def test_a_long_call_is_seen_while_it_runs_and_its_run_ends_with_the_program(tmp_path: Path) -> None:
    """With its item; also where no call has ended before; and `runs` knows of the end at once."""
    write(tmp_path, "app.py", LONG + RUN)
    with receiver(tmp_path) as endpoint, started(tmp_path, endpoint) as program:
        wait_until(lambda: long_calls(tmp_path), 60)
        running = the_run(tmp_path)
        output = program.communicate("\n", timeout=60)
        over = the_run(tmp_path)

    assert running is not None
    assert over is not None
    (call,) = running.long_calls
    assert (running.state, running.spans, running.progress, running.total) == ("running", 0, 3, 10)
    assert (call.stage, call.item, call.elapsed_s >= 1) == ("enhance", "big.wav", True)
    assert (program.returncode, output) == (0, ("", ""))
    assert (over.state, over.long_calls, over.spans, over.lost) == ("ended", (), 2, 0)
    assert [(stage.name, stage.calls) for stage in over.stages] == [("enhance", 1)]
    assert over.duration_s >= call.elapsed_s


def test_a_run_that_is_terminated_is_over_at_once(tmp_path: Path) -> None:
    """SIGTERM amidst a long call: the run has ended, and nothing runs any more."""
    write(tmp_path, "app.py", LONG + RUN)
    with receiver(tmp_path) as endpoint, started(tmp_path, endpoint) as program:
        wait_until(lambda: long_calls(tmp_path), 60)
        program.terminate()
        program.wait(60)
        over = the_run(tmp_path)

    assert program.returncode == -15
    assert over is not None
    assert (over.state, over.long_calls) == ("ended", ())


def test_each_worker_tells_of_its_own_long_calls(tmp_path: Path) -> None:
    """Forked workers have the stages of their parent, and threads of their own that look at them; each call is told once."""
    write(tmp_path, "app.py", LONG + "    quick()\n" + WORKERS)
    with otlp_server() as server, started(tmp_path, server.url) as program:
        server.wait_for(lambda it: len({beat.attributes[names.ITEM_ID] for beat in beats(it)}) == 2, 60)
        output = program.communicate("\n", timeout=60)
        told = beats(server)
        spans = {span.attributes.get(names.ITEM_ID): span for span in server.spans}

    assert (program.returncode, output) == (0, ("", ""))
    by_item = {beat.attributes[names.ITEM_ID]: beat for beat in told}
    assert sorted(by_item) == ["a.wav", "b.wav"]
    for item, beat in by_item.items():
        span = spans[item]
        assert (beat.trace_id, beat.span_id) == (span.trace_id, span.span_id)
        assert beat.resource["process.pid"] == span.resource["process.pid"] != program.pid
    assert {beat.attributes[names.STAGE_NAME] for beat in told} == {"work"}


@pytest.mark.parametrize("off", ["ENABLE_TRACING", "OTEL_TRACES_SAMPLER"])
def test_a_call_without_a_span_beats_too(tmp_path: Path, off: str) -> None:
    """With tracing off, and not sampled."""
    write(tmp_path, "app.py", LONG + RUN)
    more = {off: "always_off"} if off == "OTEL_TRACES_SAMPLER" else {off: "false"}
    with otlp_server() as server, started(tmp_path, server.url, **more) as program:
        server.wait_for(lambda it: len(beats(it)) >= 2, 60)
        output = program.communicate("\n", timeout=60)
        told = beats(server)

    assert (program.returncode, output, server.spans) == (0, ("", ""), [])
    assert {beat.attributes[names.STAGE_NAME] for beat in told} == {"enhance"}
    assert {beat.attributes[names.RUN_PROGRESS] for beat in told} == {3}


@pytest.mark.parametrize("off", [{"OTEL_LOGS_EXPORTER": "none"}, {"OTEL_PYTHON_OTELKIT_LOG_EXPORT": "false"}])
def test_without_logs_the_metric_tells_it(tmp_path: Path, off: dict[str, str]) -> None:
    """Nothing is sent as a log record, nothing breaks, and how long the call has been running is known all the same."""
    write(tmp_path, "app.py", LONG + RUN)

    def longest(server: OtlpServer) -> list[float]:
        return [point.raw.as_double for point in server.points if point.metric == names.METRIC_STAGE_LONGEST]

    with otlp_server() as server, started(tmp_path, server.url, **off) as program:
        server.wait_for(lambda it: max(longest(it), default=0) > 1.5, 60)
        output = program.communicate("\n", timeout=60)

    assert (program.returncode, output, server.logs) == (0, ("", ""), [])
    assert longest(server)[-1] == 0


def test_heartbeats_can_be_switched_off(tmp_path: Path) -> None:
    """With `heartbeat_s` 0 nobody looks, and there is no metric of it."""
    looks = "    from otelkit._assembly import install\n    print(install.installation()._heartbeats)\n"
    write(tmp_path, "app.py", LONG + looks + RUN)
    with otlp_server() as server:
        with started(tmp_path, server.url, OTEL_PYTHON_OTELKIT_HEARTBEAT_S="0") as program:
            output, errors = program.communicate("\n", timeout=60)
        metrics = {point.metric for point in server.points}

    assert (program.returncode, output, errors) == (0, "None\n", "")
    assert names.METRIC_STAGE_ACTIVE in metrics
    assert names.METRIC_STAGE_LONGEST not in metrics
