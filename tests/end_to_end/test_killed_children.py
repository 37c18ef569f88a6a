"""Children that end in the middle of everything: what their stages had recorded arrives, once, and so do their counts."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from otelkit import names
from tests.delivery.network import refused
from tests.otlp_server import OtlpServer, otlp_server
from tests.programs import instrument, write

STAGES = """
import os, signal, sys, time, threading, multiprocessing
import otelkit
from otelkit.metrics import bound_metrics

@otelkit.stage(pipeline="p")
def work(number):
    return number

def forked(do):
    pid = os.fork()
    if pid == 0:
        try:
            do()
        finally:
            os._exit(0)
    return pid
"""


@pytest.fixture
def server() -> Iterator[OtlpServer]:
    with otlp_server() as running:
        yield running


def run(folder: Path, url: str, text: str, **env: str) -> str:
    """Run a program that has the stage ``work`` and ``forked``; return its complaints."""
    program = write(folder, "app.py", STAGES)
    program.write_text(program.read_text() + text, encoding="utf-8")
    done = instrument(folder, "python", "app.py", OTEL_EXPORTER_OTLP_ENDPOINT=url, **env)
    assert done.returncode == 0, done.stderr
    return done.stderr


def calls(server: OtlpServer) -> Counter[int]:
    """Return how many spans of ``work`` arrived, by how often each came."""
    return Counter(Counter(span.span_id for span in server.spans if span.name == "work").values())


def counted(server: OtlpServer, metric: str = names.METRIC_STAGE_DURATION) -> int:
    """Return the last count of each process, together."""
    last: dict[str, int] = {}
    for point in server.points:
        if point.metric == metric:
            who = point.resource[names.SERVICE_INSTANCE_ID]
            last[who] = max(last.get(who, 0), point.raw.count if hasattr(point.raw, "count") else point.raw.as_int)
    return sum(last.values())


def left(folder: Path) -> list[str]:
    return sorted(path.suffix for path in (folder / ".otelkit" / "spool").glob("*"))


@pytest.mark.requirement("TRC-33")
@pytest.mark.parametrize("end", ["os._exit(1)", "os.kill(os.getpid(), signal.SIGKILL)", "os.abort()"])
def test_a_child_that_ends_right_after_its_stage_loses_nothing(end: str, server: OtlpServer, tmp_path: Path) -> None:
    """By whatever end past every clean-up; its parent has sent it when it ends itself."""
    complaints = run(
        tmp_path,
        server.url,
        f"""
def once():
    for number in range(20): work(number)
    {end}
for pid in [forked(once) for _ in range(5)]: os.waitpid(pid, 0)
""",
    )

    assert (calls(server), counted(server)) == (Counter({1: 100}), 100)
    assert (left(tmp_path), complaints) == ([], "")


def test_a_child_that_is_killed_at_any_moment_loses_and_doubles_nothing(server: OtlpServer, tmp_path: Path) -> None:
    """Thirty children, each killed a little later than the last one; each says what stages it has ended."""
    run(
        tmp_path,
        server.url,
        """
def many():
    for number in range(10**6):
        work(number)
        os.write(written, b"x")
for moment in range(30):
    reading, written = os.pipe()
    pid = forked(many)
    os.close(written)
    time.sleep(0.02 + moment / 45)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with open(reading, "rb") as pipe, open("ended", "a") as ended:
        ended.write(f"{len(pipe.read())}\\n")
""",
        OTEL_METRIC_EXPORT_INTERVAL="400",
    )
    ended = [int(line) for line in (tmp_path / "ended").read_text().split()]
    spans = calls(server)

    assert set(spans) == {1}
    # The last stage of each may have ended and not have said so.
    assert sum(ended) <= spans[1] <= sum(ended) + len(ended)
    assert sum(ended) <= counted(server) <= sum(ended) + len(ended)
    assert left(tmp_path) == []


def test_what_a_program_records_itself_in_a_child_is_safe_as_well(server: OtlpServer, tmp_path: Path) -> None:
    """At the end of the stage, though there may be a hundred within a millisecond."""
    run(
        tmp_path,
        server.url,
        """
from otelkit.metrics import MetricsCollector
collector = MetricsCollector()
@otelkit.stage(pipeline="p")
def order(number):
    collector.business.record_counter("orders")
def once():
    for number in range(100): order(number)
    os.kill(os.getpid(), signal.SIGKILL)
os.waitpid(forked(once), 0)
""",
    )
    orders = {point.resource[names.PROCESS_PID]: point.raw for point in server.points if "orders" in point.metric}

    assert [point.as_int or point.as_double for point in orders.values()] == [100]


def test_the_first_forked_child_knows_who_sends_for_it(server: OtlpServer, tmp_path: Path) -> None:
    """It learns it before the fork, as the ones after it do."""
    run(
        tmp_path,
        server.url,
        """
def once(): os._exit(7 if os.environ.get("OTELKIT_HEIR", "").startswith(f"{parent} ") else 1)
parent = os.getpid()
ends = [os.waitstatus_to_exitcode(os.waitpid(forked(once), 0)[1]) for _ in range(2)]
assert ends == [7, 7], ends
""",
    )


def test_a_child_whose_parent_is_gone_sends_by_itself(server: OtlpServer, tmp_path: Path) -> None:
    """A daemon: its parent has ended long before it works."""
    run(
        tmp_path,
        server.url,
        """
def daemon():
    os.setsid()
    while os.getppid() == parent: time.sleep(0.01)
    for number in range(10): work(number)
    time.sleep(20)  # killed by the test
parent = os.getpid()
open("daemon", "w").write(str(forked(daemon)))
""",
    )
    try:
        server.wait_for(lambda it: calls(it) == Counter({1: 10}))
    finally:
        os.kill(int((tmp_path / "daemon").read_text()), signal.SIGKILL)


def test_the_next_start_sends_what_a_killed_program_and_its_children_left(server: OtlpServer, tmp_path: Path) -> None:
    """There was nobody to send it: both were killed at once."""
    program = """
def once():
    for number in range(10): work(number)
    os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
if not os.path.exists("killed"):
    open("killed", "w").close()
    forked(once)
    time.sleep(30)
work(10)
"""
    with pytest.raises(AssertionError):
        run(tmp_path, server.url, program)
    before = calls(server), left(tmp_path)
    run(tmp_path, server.url, program)
    server.wait_for(lambda it: calls(it)[1] >= 1)

    assert before == (Counter(), [".sealed", ".sealed"])
    assert (calls(server), left(tmp_path)) == (Counter({1: 11}), [])
    assert counted(server) == 11


def test_with_nobody_listening_it_is_in_the_spool(tmp_path: Path, server: OtlpServer) -> None:
    """As requests that the next `otelkit up` or start sends."""
    text = """
def once():
    for number in range(10): work(number)
    os._exit(0)
if not os.path.exists("done"):
    os.waitpid(forked(once), 0)
open("done", "w").close()
work(10)
"""
    run(tmp_path, refused(), text)
    kept = set(left(tmp_path))
    run(tmp_path, refused(), text)

    assert kept == {".otlp"}
    assert set(left(tmp_path)) == {".otlp"}


def test_without_a_spool_a_child_waits_until_it_is_sent(server: OtlpServer, tmp_path: Path) -> None:
    """Nothing is written anywhere then."""
    run(
        tmp_path,
        server.url,
        """
def once():
    for number in range(10): work(number)
    os._exit(0)
os.waitpid(forked(once), 0)
""",
        OTEL_PYTHON_OTELKIT_SPOOL="false",
    )

    assert (calls(server), counted(server)) == (Counter({1: 10}), 10)
    assert not (tmp_path / ".otelkit").exists()


@pytest.mark.parametrize("preference", ["delta", "lowmemory"])
def test_with_delta_metrics_every_difference_arrives(preference: str, server: OtlpServer, tmp_path: Path) -> None:
    """They are no states of which the last one would do."""
    run(
        tmp_path,
        server.url,
        """
def once():
    for number in range(10): work(number)
    os._exit(0)
os.waitpid(forked(once), 0)
""",
        OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=preference,
    )
    durations = [point.raw.count for point in server.points if point.metric == names.METRIC_STAGE_DURATION]

    assert sum(durations) == 10


def test_a_flush_of_the_parent_includes_its_children_that_have_ended(server: OtlpServer, tmp_path: Path) -> None:
    """Whoever waits for them and flushes finds their spans at the receiver."""
    run(
        tmp_path,
        server.url,
        """
def once():
    work(1)
    os._exit(0)
os.waitpid(forked(once), 0)
assert otelkit.flush(timeout_s=10)
os._exit(0)
""",
    )

    assert calls(server) == Counter({1: 1})


def test_where_nothing_can_be_written_a_child_waits_until_it_is_sent(server: OtlpServer, tmp_path: Path) -> None:
    """A file lies where the folder should be; nobody is told, since nothing is lost."""
    (tmp_path / ".otelkit").write_text("in the way")
    complaints = run(
        tmp_path,
        server.url,
        """
def once():
    for number in range(10): work(number)
    os._exit(0)
os.waitpid(forked(once), 0)
""",
    )

    assert (calls(server), counted(server), complaints) == (Counter({1: 10}), 10, "")


def test_a_child_of_a_child_is_cared_for_by_the_program(server: OtlpServer, tmp_path: Path) -> None:
    """Its own parent may be killed with it."""
    run(
        tmp_path,
        server.url,
        """
def inner():
    for number in range(10): work(number)
    os.kill(os.getpid(), signal.SIGKILL)
def outer():
    os.waitpid(forked(inner), 0)
    work(10)
    os.kill(os.getpid(), signal.SIGKILL)
os.waitpid(forked(outer), 0)
""",
    )

    assert (calls(server), counted(server), left(tmp_path)) == (Counter({1: 11}), 11, [])
