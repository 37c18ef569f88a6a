"""`otelkit_tail` in whole programs: what is kept is whole and says how often, and nothing is lost on the way."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from otelkit import names
from tests.otlp_server import OtlpServer, Span
from tests.programs import SCRIPTS, clean_environment, instrument, write
from tests.waiting import wait_until

pytestmark = [pytest.mark.sdk, pytest.mark.requirement("TRC-17", "TRC-33")]

STEPS = """
    import asyncio
    import otelkit
    from opentelemetry import trace

    @otelkit.stage("parse")
    def parse(n):
        if n % 20 == 0:
            raise ValueError(n)
        return n

    @otelkit.stage("lines")
    def lines(n):
        for number in range(2):
            yield number

    @otelkit.stage("store")
    async def store(n):
        await asyncio.sleep(0)

    @otelkit.stage("file")
    def file(n):
        with trace.get_tracer("strange").start_as_current_span("GET"):
            list(lines(n))
        try:
            parse(n)
        except ValueError:
            pass
        asyncio.run(store(n))
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    write(tmp_path, "steps.py", STEPS)
    return tmp_path


def tail(server: OtlpServer, share: str, **env: str) -> dict[str, str]:
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": server.url,
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_TRACES_SAMPLER": "otelkit_tail",
        "OTEL_TRACES_SAMPLER_ARG": share,
        # Everything is slow on some machine; here it is to be normal.
        "OTEL_PYTHON_OTELKIT_SAMPLING_SLOW_THRESHOLD_S": "3600",
        **env,
    }


def by_trace(spans: list[Span]) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for span in spans:
        found.setdefault(span.trace_id, Counter())[span.name] += 1
    return found


def thresholds(spans: list[Span]) -> dict[str, set[str]]:
    """Return the tracestates of each trace."""
    found: dict[str, set[str]] = {}
    for span in spans:
        found.setdefault(span.trace_id, set()).add(span.raw.trace_state)
    return found


WHOLE = Counter({"file": 1, "GET": 1, "lines": 1, "parse": 1, "store": 1})


def test_failed_traces_are_kept_whole_and_a_share_of_the_others(app: Path, server: OtlpServer) -> None:
    """Stages in threads, coroutines and generators, and another instrumentation's span: all of a trace, or nothing.

    400 traces, 20 of them failed, 380 kept at 1/4: 4 standard errors of the binomial are 4 · sqrt(380 · 3/16) = 34. One more
    may be rare, as the first of its kind.
    """
    write(
        app,
        "app.py",
        """
        from concurrent.futures import ThreadPoolExecutor
        from steps import file

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(file, range(400)))
        """,
    )
    done = instrument(app, "python", "app.py", **tail(server, "0.25"))
    reasons = Counter(span.attributes.get(names.SAMPLING_REASON) for span in server.spans if span.name == "file")

    assert (done.returncode, done.stderr) == (0, "")
    assert all(spans == WHOLE for spans in by_trace(server.spans).values())
    assert reasons["error"] == 20
    assert reasons["rare"] <= 1
    assert abs(reasons["normal"] - 95) <= 34
    assert set(reasons) <= {"error", "rare", "normal"}
    assert {frozenset(states) for states in thresholds(server.spans).values()} == {
        frozenset({"ot=th:0"}),
        frozenset({"ot=th:c"}),
    }


def test_what_is_held_at_the_programs_end_is_judged_and_leaves(app: Path, server: OtlpServer) -> None:
    """The span around it never ends; the calls below it are decided on all the same."""
    write(
        app,
        "app.py",
        """
        from opentelemetry import trace
        from steps import file

        around = trace.get_tracer("strange").start_span("endless")
        with trace.use_span(around, end_on_exit=False):
            for n in range(1, 41):
                file(n)
        """,
    )
    done = instrument(app, "python", "app.py", **tail(server, "0"))
    reasons = Counter(span.attributes.get(names.SAMPLING_REASON) for span in server.spans if span.name == "file")

    assert (done.returncode, done.stderr) == (0, "")
    # One is rare, as the first of its kind: that may be a failed one, too.
    assert reasons["error"] == 2
    assert reasons.total() <= 3
    assert {state for states in thresholds(server.spans).values() for state in states} == {"ot=th:0"}


def test_a_trace_that_does_not_end_leaves_in_parts_while_it_goes_on(app: Path, server: OtlpServer) -> None:
    """A run of hours is to be seen before its end."""
    write(
        app,
        "app.py",
        """
        import pathlib
        import time
        import otelkit
        from steps import file

        with otelkit.run("nightly"):
            file(1)
            pathlib.Path("begun").touch()
            while not pathlib.Path("enough").exists():
                time.sleep(0.02)
        """,
    )
    command = [str(SCRIPTS / "opentelemetry-instrument"), "python", "app.py"]
    env = clean_environment(**tail(server, "1", OTEL_PYTHON_OTELKIT_SAMPLING_BUFFER_AGE_S="0.2"))
    with subprocess.Popen(command, cwd=app, env=env) as program:
        try:
            wait_until(lambda: by_trace(server.spans).get(server.spans[0].trace_id if server.spans else "") == WHOLE)
        finally:
            (app / "enough").touch()
        assert program.wait(30) == 0

    assert {name for spans in by_trace(server.spans).values() for name in spans} == {*WHOLE, "nightly"}
    assert len(by_trace(server.spans)) == 1


def test_a_program_that_is_told_to_stop_leaves_nothing_undecided(app: Path, server: OtlpServer) -> None:
    """What is held then leaves as at any other end."""
    write(
        app,
        "app.py",
        """
        import pathlib
        import time
        import otelkit
        from steps import file

        with otelkit.run("nightly"):
            for n in range(1, 20):
                file(n)
            pathlib.Path("begun").touch()
            time.sleep(60)
        """,
    )
    command = [str(SCRIPTS / "opentelemetry-instrument"), "python", "app.py"]
    with subprocess.Popen(command, cwd=app, env=clean_environment(**tail(server, "1"))) as program:
        wait_until((app / "begun").exists)
        program.send_signal(signal.SIGTERM)
        assert program.wait(30) == -signal.SIGTERM

    assert Counter(span.name for span in server.spans)["file"] == 19


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_children_decide_on_what_is_theirs(app: Path, server: OtlpServer) -> None:
    """Forked or started anew, ended by os._exit or in order: each outermost call there is a fragment of its own."""
    write(
        app,
        "app.py",
        """
        import multiprocessing
        import os
        import otelkit
        from steps import file, parse

        @otelkit.stage("task")
        def task(n):
            parse(n)

        @otelkit.stage("all")
        def everything():
            child = os.fork()
            if child == 0:
                task(1)
                task(2)
                os._exit(0)
            os.waitpid(child, 0)
            for kind, first in (("fork", 11), ("spawn", 31)):
                context = multiprocessing.get_context(kind)
                process = context.Process(target=task, args=(first,))
                process.start()
                process.join()
                with context.Pool(2) as pool:
                    pool.map(task, range(first + 1, first + 9), chunksize=1)

        if __name__ == "__main__":
            everything()
        """,
    )
    # Python 3.12 warns about every fork of a process with threads; forking one is the point here.
    done = instrument(app, "python", "app.py", **tail(server, "1", PYTHONWARNINGS="ignore::DeprecationWarning"))
    counted = Counter(span.name for span in server.spans)

    assert (done.returncode, done.stderr) == (0, "")
    assert counted == {"all": 1, "task": 20, "parse": 20}
    assert len(by_trace(server.spans)) == 1
    reasons = [span.attributes.get(names.SAMPLING_REASON) for span in server.spans]
    assert sum(reason is not None for reason in reasons) == 21


def test_a_configuration_file_may_put_it_inside_a_parent_based_sampler(app: Path, server: OtlpServer) -> None:
    """The SDK makes the spans then; all of them are judged, and leave by the file's exporter."""
    write(app, "app.py", "from steps import file\nfor n in range(1, 41):\n    file(n)\n")
    write(
        app,
        "sdk.yaml",
        f"""
        file_format: "1.0"
        tracer_provider:
          sampler:
            parent_based:
              root:
                otelkit_tail:
          processors:
            - batch:
                exporter:
                  otlp_http:
                    endpoint: {server.url}/v1/traces
        distribution:
          otelkit:
            sampling_normal_ratio: 0.0
            sampling_slow_threshold_s: 3600.0
        """,
    )
    done = instrument(app, "python", "app.py", OTEL_CONFIG_FILE="sdk.yaml", OTEL_METRICS_EXPORTER="none")
    reasons = Counter(span.attributes.get(names.SAMPLING_REASON) for span in server.spans if span.name == "file")

    assert (done.returncode, done.stderr) == (0, "")
    assert reasons["error"] == 2
    assert reasons.total() <= 3
    assert all(spans == WHOLE for spans in by_trace(server.spans).values())


def test_a_provider_of_the_programs_own_keeps_everything_and_that_is_said(app: Path, server: OtlpServer) -> None:
    """Never a silent 100 %: its own exporters send what nobody has judged."""
    write(
        app,
        "app.py",
        """
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        from otelkit._bootstrap.samplers import otelkit_tail

        # As the stock configurator makes it, which loads this by its entry point.
        provider = TracerProvider(sampler=otelkit_tail("0"))
        exporter = InMemorySpanExporter()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        trace.set_tracer_provider(provider)

        import otelkit

        otelkit.configure(enable_metrics=False, log_export=False)
        from steps import file

        for n in range(1, 11):
            file(n)
        print(len(exporter.get_finished_spans()))
        """,
    )
    command = [str(SCRIPTS / "python"), "app.py"]
    done = subprocess.run(command, cwd=app, env=clean_environment(), capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout) == (0, "50\n")
    assert done.stderr.count("very trace is kept") == 1
