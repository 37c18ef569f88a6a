"""A run tells its end, whichever way it comes, and nobody tells it early."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from otelkit import names
from otelkit._assembly.run_end import RunEnd
from otelkit.testing import FakeClock
from otelkit.testing.clock import START_NS
from otelkit.testing.points import points_of
from tests.forking import in_child
from tests.otlp_server import OtlpServer, otlp_server
from tests.programs import SCRIPTS, clean_environment, write

STAGE = """
    import multiprocessing, os, subprocess, sys
    import otelkit

    @otelkit.stage("work")
    def work():
        pass

"""

FAMILY = """
    if __name__ == "__main__":
        work()
        if os.fork() == 0:
            work()
            os._exit(0)
        os.wait()
        for kind in ("fork", "spawn"):
            with multiprocessing.get_context(kind).Pool(1) as pool:
                pool.apply(work)
                pool.close()
                pool.join()
        subprocess.run([sys.executable, "-c", "import app; app.work()"], check=True)
        print(os.getpid(), flush=True)
        sys.stdin.readline()
"""


def ends(server: OtlpServer) -> list[tuple[int, float]]:
    """Return which processes have told the run's end, and when that was."""
    return [
        (point.resource["process.pid"], point.raw.as_double)
        for point in server.points
        if point.metric == names.METRIC_RUN_ENDED
    ]


@contextmanager
def started(folder: Path, server: OtlpServer, *more: str) -> Iterator[subprocess.Popen[str]]:
    """Start the program as a user does who has a receiver elsewhere."""
    env = clean_environment(OTEL_EXPORTER_OTLP_ENDPOINT=server.url, OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf")
    with subprocess.Popen(
        [str(SCRIPTS / "opentelemetry-instrument"), "python", "app.py", *more],
        cwd=folder, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as program:  # fmt: skip
        try:
            yield program
        finally:
            program.kill()


def test_it_has_no_value_until_the_run_ends() -> None:
    """Then it is the time; never in a child that was forked as it ended."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    end = RunEnd(FakeClock())
    end.bind(provider.get_meter("test"))

    def told() -> list[float]:
        return [point.value for point in points_of(reader.get_metrics_data(), names.METRIC_RUN_ENDED)]

    before = told()
    end.tell()

    assert (before, told(), in_child(told)) == ([], [START_NS / 1e9], [])
    provider.shutdown()


@pytest.mark.parametrize(
    ("ending", "expected"),
    [("pass", 0), ("sys.exit(3)", 3), ("raise ValueError", 1), ("os.kill(os.getpid(), 15)", -signal.SIGTERM)],
)
def test_a_program_tells_the_end_of_its_run_once(tmp_path: Path, ending: str, expected: int) -> None:
    """Whichever way it ends."""
    write(tmp_path, "app.py", STAGE + f"    work()\n    {ending}\n")
    with otlp_server() as server:
        began = time.time()
        with started(tmp_path, server) as program:
            program.communicate(timeout=60)
        over = time.time()
        told = ends(server)

    assert program.returncode == expected
    assert [began <= when <= over for _, when in told] == [True]


def test_workers_and_helpers_do_not_tell_it(tmp_path: Path) -> None:
    """Their end is not the run's: forked children, workers of pools, and programs that the program starts."""
    write(tmp_path, "app.py", STAGE + FAMILY)
    with otlp_server() as server, started(tmp_path, server) as program:
        assert program.stdout is not None
        pid = int(program.stdout.readline())
        server.wait_for(lambda it: len({point.resource["process.pid"] for point in it.points}) >= 4)
        early = ends(server)
        program.communicate("\n", timeout=60)
        late = [process for process, _ in ends(server)]

    assert (early, late) == ([], [pid])


def test_a_program_that_replaces_itself_still_tells_it(tmp_path: Path) -> None:
    """As `otelkit run opentelemetry-instrument` does, and servers that restart themselves."""
    again = "    if len(sys.argv) == 1:\n        os.execv(sys.executable, [sys.executable, 'app.py', 'again'])\n"
    write(tmp_path, "app.py", STAGE + again + "    work()\n")
    with otlp_server() as server:
        with started(tmp_path, server) as program:
            program.communicate(timeout=60)
        told = ends(server)

    assert (program.returncode, [process for process, _ in told]) == (0, [program.pid])
