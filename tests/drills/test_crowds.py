"""Many threads, many calls, deep calls."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.drills.chances import LONG
from tests.drills.programs import check, items, run
from tests.otlp_server import OtlpServer, Span

THREADS = """
    import account, otelkit, sys, threading

    @otelkit.stage("inner")
    def inner(name):
        return name

    @otelkit.stage("outer", item="name")
    def outer(name):
        together.wait(60)
        return inner(name)

    threading.stack_size(256 * 1024)
    count = int(sys.argv[1])
    together = threading.Barrier(count)
    threads = [threading.Thread(target=outer, args=(f"item-{number}",)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("done")
"""

BURST = """
    import account, otelkit, sys, threading

    @otelkit.stage("load", item="name")
    def load(name):
        return name

    def work(worker):
        for number in range(int(sys.argv[1])):
            load(f"item-{worker}-{number}")

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("done", otelkit.flush(60))
"""

RECURSION = """
    import account, otelkit, sys
    from opentelemetry import trace

    @otelkit.stage("step")
    def step(left):
        if left:
            step(left - 1)

    depths = []

    @otelkit.stage("runaway")
    def runaway(depth):
        depths.append(depth)
        runaway(depth + 1)

    step(100)
    try:
        runaway(0)
    except RecursionError as error:
        print("stopped", len(depths) == max(depths) + 1, error.__cause__, trace.get_current_span().is_recording())
    step(3)
    sys.setrecursionlimit(10_000)
    step(800)
    print(len(depths))
"""


def calls(server: OtlpServer) -> dict[str, int]:
    """Return how many calls of each stage the metrics count."""
    last = {point.attributes["pipeline.stage.name"]: 0 for point in server.points if point.metric.endswith("duration")}
    for point in server.points:
        if point.metric == "pipeline.stage.duration" and "error.type" not in point.attributes:
            last[point.attributes["pipeline.stage.name"]] = point.raw.count
    return last


def by_id(server: OtlpServer) -> dict[str, Span]:
    return {span.span_id: span for span in server.spans}


def test_a_thousand_threads_at_once(tmp_path: Path, server: OtlpServer) -> None:
    """Each thread's inner call is the child of its own outer call, and nothing is missing anywhere."""
    done = run(tmp_path, THREADS, server.url, "1000")

    assert (done.code, done.stdout) == (0, "done\n"), done.stderr
    check(done, server, tmp_path)
    assert calls(server) == {"inner": 1000, "outer": 1000}
    spans = by_id(server)
    assert items(span.raw for span in server.spans) == Counter(f"item-{number}" for number in range(1000))
    inner = [span for span in server.spans if span.name == "inner"]
    parents = [spans[span.parent_id] for span in inner]
    assert len({parent.span_id for parent in parents}) == len(inner) == 1000
    assert all(
        (parent.name, parent.trace_id) == ("outer", span.trace_id) for span, parent in zip(inner, parents, strict=True)
    )


def test_a_burst_of_eight_threads_arrives_whole(tmp_path: Path, server: OtlpServer) -> None:
    """Calls in tight loops outrun any sender for a while; a healthy receiver gets every one of them."""
    count = 12_500 if LONG else 1_000
    done = run(tmp_path, BURST, server.url, str(count))

    assert (done.code, done.stdout) == (0, "done True\n"), done.stderr
    check(done, server, tmp_path)
    assert done.spans.delivered == 8 * count
    assert calls(server) == {"load": 8 * count}
    assert items(span.raw for span in server.spans) == Counter(
        f"item-{worker}-{number}" for worker in range(8) for number in range(count)
    )


def test_recursion_is_the_programs_own_business(tmp_path: Path, server: OtlpServer) -> None:
    """Deep calls nest rightly, the limit is met by the user's own error, and what ran is counted, however it ended."""
    done = run(tmp_path, RECURSION, server.url)

    assert done.code == 0, done.stderr
    check(done, server, tmp_path)
    said, depth = done.stdout.splitlines()
    assert said == "stopped True None False"
    assert done.stderr == ""
    assert calls(server)["step"] == 101 + 4 + 801
    spans = by_id(server)
    levels: Counter[int] = Counter()
    depth_of: dict[str, int] = {"": -1}
    for span in sorted(
        (span for span in server.spans if span.name == "step"), key=lambda span: span.raw.start_time_unix_nano
    ):
        depth_of[span.span_id] = depth_of[span.parent_id] + 1
        levels[depth_of[span.span_id]] += 1
    assert max(levels) == 800
    assert [levels[level] for level in (0, 3, 4, 100, 101)] == [3, 3, 2, 2, 1]
    runaway = [span for span in spans.values() if span.name == "runaway"]
    # At the very limit a call may run without room left to make its span.
    assert int(depth) - 5 <= len(runaway) <= int(depth)
