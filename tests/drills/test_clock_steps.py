"""A wall clock that is set while the program runs."""

from __future__ import annotations

from pathlib import Path

from tests.drills.chances import rounds
from tests.drills.programs import check, ended, items, run, start
from tests.otlp_server import OtlpServer

STEPPED = """
    import random, sys, threading, time

    real_ns, step_ns = time.time_ns, 0
    time.time_ns = lambda: real_ns() + step_ns
    time.time = lambda: time.time_ns() / 1e9

    import account, otelkit
    from opentelemetry import trace

    chance = random.Random(int(sys.argv[1]))

    def step():
        global step_ns
        step_ns += chance.choice([-1, 1]) * chance.choice([1_000, 10**9, 3600 * 10**9, 10**17])

    @otelkit.stage("load", item="name")
    def load(name):
        with trace.get_tracer("others").start_as_current_span("inner"):
            step()
            threading.Event().wait(0.002)
        trace.get_current_span().add_event("stepped")

    @otelkit.stage("read")
    def read(count):
        for number in range(count):
            step()
            yield number

    for number in read(60):
        load(f"item-{number}")
    print("done")
"""

SET_BACK = """
    import sys, time

    real_ns, step_ns = time.time_ns, 0
    time.time_ns = lambda: real_ns() + step_ns
    time.time = lambda: time.time_ns() / 1e9

    import account, otelkit

    @otelkit.stage("load", item="name")
    def load(name):
        pass

    load("before")
    step_ns = -(10**17)
    load("after")
    sys.stdin.read()
    print("done")
"""


def test_no_duration_is_negative_whatever_the_clock_does(tmp_path: Path, server: OtlpServer) -> None:
    """Set back or forth by a microsecond, an hour or three years in the middle of calls, durations stay what they were.

    A stage call takes the time that passed: at least the 2 ms it waits, and less than the least step that counts in hours.
    """
    for chance in rounds(short=1):
        server.requests.clear()
        done = run(tmp_path, STEPPED, server.url, str(chance.randrange(1 << 30)))

        assert (done.code, done.stdout) == (0, "done\n"), done.stderr
        check(done, server, tmp_path)
        stages = [span for span in server.spans if span.scope == "otelkit"]
        assert len(stages) == 61
        for span in stages:
            duration_ns = span.raw.end_time_unix_nano - span.raw.start_time_unix_nano
            assert 2_000_000 <= duration_ns < 600 * 10**9, span.name
        points = [point for point in server.points if point.metric == "pipeline.stage.duration"]
        assert {point.attributes["pipeline.stage.name"]: point.raw.count for point in points} == {"load": 60, "read": 1}
        assert all(0.002 <= point.raw.min <= point.raw.max < 600 for point in points)


def test_what_waits_is_sent_though_time_went_back(tmp_path: Path, server: OtlpServer) -> None:
    """While the program goes on, spans leave as soon as ever: nobody waits for the old time to come again."""
    process = start(tmp_path, SET_BACK, server.url)
    server.wait_for(lambda server: {"before", "after"} <= set(items(span.raw for span in server.spans)))
    assert process.poll() is None
    done = ended(tmp_path, process)

    assert (done.code, done.stdout) == (0, "done\n")
    check(done, server, tmp_path)
