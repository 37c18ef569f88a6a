"""However a program ends: its exit code is its own, and what it recorded arrives or is kept."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from otelkit.delivery.spool import read_spool
from tests.otlp_server import OtlpServer
from tests.programs import SCRIPTS, clean_environment, instrument, write

pytestmark = pytest.mark.sdk

STEPS = """
    import os, sys, time

    def work(n):
        return n

    def fail():
        raise KeyError("gone")
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    write(tmp_path, "steps.py", STEPS)
    write(tmp_path, "otelkit.toml", 'stages = ["steps:*"]\n')
    return tmp_path


@pytest.mark.parametrize(
    ("ending", "exit_code"),
    [("", 0), ("sys.exit(3)", 3), ("sys.exit('no')", 1), ("raise SystemExit", 0), ("steps.fail()", 1)],
)
def test_the_exit_code_is_the_programs_own(app: Path, server: OtlpServer, ending: str, exit_code: int) -> None:
    """And every call before the end is there."""
    write(app, "app.py", f"import sys, steps\nfor n in range(50):\n    steps.work(n)\n{ending}\n")
    done = instrument(app, "python", "app.py", OTEL_EXPORTER_OTLP_ENDPOINT=server.url)

    assert done.returncode == exit_code
    assert len([span for span in server.spans if span.name == "steps.work"]) == 50


def test_a_traceback_is_what_it_would_be_without_us_but_for_our_frame(app: Path, server: OtlpServer) -> None:
    """The user's own lines are all there, in order, and the last line is unchanged."""
    write(app, "app.py", "import steps\nsteps.fail()\n")
    done = instrument(app, "python", "app.py", OTEL_EXPORTER_OTLP_ENDPOINT=server.url)

    lines = done.stderr.splitlines()
    assert lines[-1] == "KeyError: 'gone'"
    assert [line.strip() for line in lines if "steps.fail()" in line] == ["steps.fail()"]
    assert 'raise KeyError("gone")' in done.stderr


def test_sigterm_sends_what_is_pending_and_keeps_its_meaning(app: Path, server: OtlpServer) -> None:
    """The exit status is that of a program that SIGTERM killed."""
    write(
        app,
        "app.py",
        "import steps, sys, time\nfor n in range(50):\n    steps.work(n)\nprint('ready', flush=True)\ntime.sleep(60)\n",
    )
    with subprocess.Popen(
        [SCRIPTS / "opentelemetry-instrument", "--otelkit_export_delay_s", "50", "python", "app.py"],
        cwd=app,
        env=clean_environment(OTEL_EXPORTER_OTLP_ENDPOINT=server.url),
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        status = process.wait(timeout=20)

    assert status == -signal.SIGTERM
    assert len(server.spans) == 50


def test_a_sigterm_handler_of_the_program_is_its_own(app: Path, server: OtlpServer) -> None:
    """Ours is only there while the program has none."""
    write(
        app,
        "app.py",
        """
        import os, signal, sys, steps
        steps.work(1)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
        os.kill(os.getpid(), signal.SIGTERM)
        """,
    )
    done = instrument(app, "python", "app.py", OTEL_EXPORTER_OTLP_ENDPOINT=server.url)

    assert done.returncode == 7
    assert len(server.spans) == 1


@pytest.mark.requirement("REL-01")
def test_without_a_receiver_everything_is_spooled_and_one_line_says_so(app: Path) -> None:
    """Nothing is lost because nothing listened."""
    write(
        app,
        "app.py",
        "import logging, steps\nlogging.basicConfig()\nfor n in range(50):\n    steps.work(n)\nlogging.error('seen')\n",
    )
    done = instrument(app, "python", "app.py", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")

    ours = [line for line in done.stderr.splitlines() if line.startswith("otelkit:")]
    assert ours == [
        "otelkit: nothing listens on http://127.0.0.1:9; telemetry is kept in .otelkit/spool until this program can "
        "send it, or the next `otelkit up` or `otelkit run` takes it in"
    ]
    assert [line for line in done.stderr.splitlines() if line and line not in ours] == ["ERROR:root:seen"]
    counts: dict[str, int] = {}
    for request in read_spool(app / ".otelkit" / "spool"):
        counts[request.signal] = counts.get(request.signal, 0) + request.count
    assert counts["traces"] == 50
    assert counts["logs"] == 1
    assert counts["metrics"] > 0


def test_a_receiver_that_never_answers_delays_the_exit_by_the_limit_at_most(app: Path) -> None:
    """The network is not the program's business. (An upper bound with a wide margin, not a measurement.)"""
    with subprocess.Popen(
        [SCRIPTS / "python", "-c", "import socket, time\ns = socket.create_server(('127.0.0.1', 0), backlog=64)\n"
         "print(s.getsockname()[1], flush=True)\ntime.sleep(120)"],
        stdout=subprocess.PIPE, text=True,
    ) as silent:  # fmt: skip
        try:
            assert silent.stdout is not None
            port = int(silent.stdout.readline())
            write(app, "app.py", "import steps\nfor n in range(50):\n    steps.work(n)\nprint('done', flush=True)\n")
            with subprocess.Popen(
                [SCRIPTS / "opentelemetry-instrument", "--otelkit_exit_limit_s", "1", "python", "app.py"],
                cwd=app,
                env=clean_environment(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}"),
                stdout=subprocess.PIPE,
            ) as program:
                assert program.stdout is not None
                program.stdout.readline()
                at_end = time.monotonic()
                status = program.wait(timeout=30)
                took_s = time.monotonic() - at_end
        finally:
            silent.kill()

    assert status == 0
    assert took_s < 5, "the stock SDK takes 10 s and more"
    assert sum(request.count for request in read_spool(app / ".otelkit" / "spool") if request.signal == "traces") == 50


POOL = """
    import sys
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    import steps

    def main():
        context = multiprocessing.get_context(sys.argv[1])
        with ProcessPoolExecutor(2, mp_context=context) as pool:
            assert list(pool.map(steps.work, range(40))) == list(range(40))

    if __name__ == "__main__":
        main()
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_calls_in_a_process_pool_all_arrive_once(app: Path, server: OtlpServer, method: str) -> None:
    """Workers end past `atexit`, where the stock SDK loses what they recorded."""
    write(app, "app.py", POOL)
    done = instrument(app, "python", "app.py", method, OTEL_EXPORTER_OTLP_ENDPOINT=server.url)

    assert (done.returncode, done.stderr) == (0, "")
    spans = [span for span in server.spans if span.name == "steps.work"]
    assert len(spans) == 40
    assert len({span.span_id for span in spans}) == 40
    assert len({span.attributes["pipeline.run.id"] for span in spans}) == 1


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_metrics_of_worker_processes_add_up(app: Path, server: OtlpServer, method: str) -> None:
    """Each process speaks for itself, and the parent's counts are not sent again by its children."""
    write(app, "app.py", POOL.replace("def main():", "def main():\n        steps.work(0)"))
    instrument(app, "python", "app.py", method, OTEL_EXPORTER_OTLP_ENDPOINT=server.url)

    last: dict[tuple[object, object], int] = {}
    for point in server.points:
        if point.metric == "pipeline.stage.duration":
            last[point.resource["service.instance.id"], point.resource["process.pid"]] = point.raw.count
    assert sum(last.values()) == 41
    assert 2 <= len(last) <= 3, "the parent and one or two workers"


def test_a_forked_child_that_leaves_by_os_exit_loses_nothing(app: Path, server: OtlpServer) -> None:
    """No finalizer of Python's runs in such a child."""
    write(
        app,
        "app.py",
        """
        import os, steps
        steps.work(0)
        pid = os.fork()
        if pid == 0:
            for n in range(10):
                steps.work(n)
            os._exit(0)
        os.waitpid(pid, 0)
        """,
    )
    done = instrument(app, "python", "app.py", OTEL_EXPORTER_OTLP_ENDPOINT=server.url)

    assert (done.returncode, done.stderr) == (0, "")
    assert len(server.spans) == 11
    assert len({span.resource["process.pid"] for span in server.spans}) == 2
    assert len({span.resource["service.instance.id"] for span in server.spans}) == 2


def test_sigterm_during_the_last_flush_waits_for_it(app: Path, server: OtlpServer) -> None:
    """A supervisor that asks twice must not cost what is just being sent."""
    write(
        app,
        "app.py",
        """
        import os, signal, steps
        for n in range(50):
            steps.work(n)
        print("ready", flush=True)
        os.kill(os.getpid(), signal.SIGTERM)
        """,
    )
    write(
        app,
        "again.py",
        """
        import os, signal
        from opentelemetry.sdk.trace import SpanProcessor

        class Again(SpanProcessor):
            def shutdown(self):
                os.kill(os.getpid(), signal.SIGTERM)
        """,
    )
    write(app, "again-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: again\nVersion: 1.0\n")
    write(app, "again-1.0.dist-info/entry_points.txt", "[opentelemetry_span_processor]\nagain = again:Again\n")
    with subprocess.Popen(
        [SCRIPTS / "opentelemetry-instrument", "--otelkit_export_delay_s", "50", "python", "app.py"],
        cwd=app, env=clean_environment(OTEL_EXPORTER_OTLP_ENDPOINT=server.url), stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        status = process.wait(timeout=30)

    assert status == -signal.SIGTERM
    assert len(server.spans) == 50
    assert any(point.metric == "pipeline.stage.duration" for point in server.points), "what came after the spans, too"


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_pool_that_is_left_by_terminate_loses_nothing(app: Path, server: OtlpServer, method: str) -> None:
    """`with multiprocessing.Pool()` ends its workers by SIGTERM, past every finalizer."""
    write(
        app,
        "app.py",
        """
        import multiprocessing, sys
        import steps

        if __name__ == "__main__":
            with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
                print(sum(pool.map(steps.work, range(20))))
        """,
    )
    done = instrument(app, "python", "app.py", method, OTEL_EXPORTER_OTLP_ENDPOINT=server.url)

    assert (done.returncode, done.stdout, done.stderr) == (0, "190\n", "")
    spans = [span for span in server.spans if span.name == "steps.work"]
    assert len({span.span_id for span in spans}) == len(spans) == 20
