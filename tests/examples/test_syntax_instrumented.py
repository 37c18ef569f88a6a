"""The syntax pipeline under ``opentelemetry-instrument`` tells an OTLP server the truth about itself."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.otlp_server import OtlpServer, Span, otlp_server
from tests.programs import instrument

ERROR = 2


@pytest.fixture
def told(program: Path, zoo: Path, tmp_path: Path) -> Iterator[OtlpServer]:
    """Run one version over the zoo and return what arrived."""
    command = [sys.executable, "pipeline.py", str(zoo), "--workers", "2", "--db", str(tmp_path / "syntax.db")]
    with otlp_server() as server:
        done = instrument(
            program,
            *command,
            OTEL_EXPORTER_OTLP_ENDPOINT=server.url,
            OTEL_PYTHON_OTELKIT_STORE_DIR=str(tmp_path / ".otelkit"),
            OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="*",
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("12 files: 5 stored, 7 failed;")
        yield server


def stages(server: OtlpServer) -> dict[str, list[Span]]:
    """Return the spans by their stage's name."""
    found: dict[str, list[Span]] = {}
    for span in server.spans:
        found.setdefault(str(span.attributes.get("pipeline.stage.name", span.name)), []).append(span)
    return found


def path_of(span: Span) -> str:
    """Return the name of the file that a span is about: the item's id, or the argument's description."""
    found = span.attributes.get("pipeline.item.id") or span.attributes["pipeline.argument.path"]
    return Path(found).name


def test_calls_per_stage_are_the_files_handled(told: OtlpServer) -> None:
    """One call for each file and stage that it reached: the dangling link is not parsed, what does not parse not extracted."""
    counts = {name: len(spans) for name, spans in stages(told).items() if name.startswith("steps.")}

    assert counts == {
        "steps.discover": 1,
        "steps.analyse": 12,
        "steps.read": 12,
        "steps.parse": 11,
        "steps.extract": 5,
        "steps.store": 5,
    }


def test_failures_are_told_with_their_file_and_reason(told: OtlpServer) -> None:
    """Each file that does not parse is an error of its own kind, on the call that raised and on the one around it."""
    found = stages(told)
    errors = {path_of(span): span.attributes["error.type"] for span in found["steps.analyse"] if span.status == ERROR}

    assert errors == {
        "syntax.py": "SyntaxError",
        "latin1.py": "SyntaxError",
        "coding.py": "SyntaxError",
        "null.py": errors["null.py"],  # a ValueError in Python 3.11.3 and before
        "nested.py": errors["nested.py"],  # a SyntaxError or a MemoryError, as the version has it
        "chain.py": errors["chain.py"],
        "dangling.py": "FileNotFoundError",
    }
    assert {path_of(span) for span in found["steps.parse"] if span.status == ERROR} == set(errors) - {"dangling.py"}


def test_a_file_is_one_tree_in_one_worker(told: OtlpServer) -> None:
    """read, parse and extract are children of the file's analyse, in its process, and know the same file."""
    found = stages(told)
    analyses = {span.span_id: span for span in found["steps.analyse"]}
    children = [span for name in ("steps.read", "steps.parse", "steps.extract") for span in found[name]]

    for child in children:
        parent = analyses[child.parent_id]
        assert child.trace_id == parent.trace_id
        assert child.resource == parent.resource
        assert path_of(child) == path_of(parent)
    assert Counter(child.parent_id for child in children).most_common()[-1][1] == 1  # the dangling one was only read
    assert len({span.resource["service.instance.id"] for span in analyses.values()}) <= 2


def test_the_log_line_of_a_failure_is_in_its_trace(told: OtlpServer) -> None:
    """Each warning carries the ids of the analyse call that failed, and names its file."""
    failed = {
        (span.trace_id, span.span_id): path_of(span) for span in stages(told)["steps.analyse"] if span.status == ERROR
    }
    warnings = {(log.trace_id, log.span_id): log.body for log in told.logs if log.severity.startswith("WARN")}

    assert warnings.keys() == failed.keys()
    assert all(f"/{name} failed: " in warnings[ids] for ids, name in failed.items())


def test_metrics_count_every_call(told: OtlpServer) -> None:
    """The duration histograms of all processes add up to the calls, failures apart by their kind."""
    ok: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    last = {}
    for point in told.points:
        if point.metric == "pipeline.stage.duration":
            key = (point.resource["service.instance.id"], *sorted(point.attributes.items()))
            last[key] = point  # cumulative: what came last counts
    for point in last.values():
        (failed if "error.type" in point.attributes else ok)[point.attributes["pipeline.stage.name"]] += point.raw.count

    assert (ok["steps.analyse"], failed["steps.analyse"]) == (5, 7)
    assert (ok["steps.read"], failed["steps.read"]) == (11, 1)
    assert (ok["steps.parse"], failed["steps.parse"]) == (5, 6)
    assert (ok["steps.extract"], ok["steps.store"], ok["steps.discover"]) == (5, 5, 1)


def test_discovery_counts_what_it_found(told: OtlpServer) -> None:
    """The generator is one call with an item for each file."""
    (discovery,) = stages(told)["steps.discover"]

    assert discovery.attributes["pipeline.items.ok"] == 12


def test_the_decorated_version_is_one_run(told: OtlpServer, program: Path) -> None:
    """With `otelkit.run` everything hangs below one root that knows its total; without it each file is a trace of its own."""
    roots = [span for span in told.spans if not span.parent_id]
    names = Counter(span.name for span in roots)

    if program.name == "decorated":
        assert names == {"syntax": 1}
        assert {span.trace_id for span in told.spans} == {roots[0].trace_id}
        assert {span.attributes["pipeline.run.id"] for span in roots} <= {
            span.resource["pipeline.run.id"] for span in told.spans
        }
    else:
        assert names == {"steps.discover": 1, "steps.analyse": 12, "steps.store": 5}


def test_the_decorated_version_tells_its_progress_and_its_queue(told: OtlpServer, program: Path) -> None:
    """The run counts 12 of 12 files; 5 results and the end went through the watched queue. The plain version tells neither."""
    run = {
        point.metric: point.raw.as_int or point.raw.as_double
        for point in told.points
        if ".run." in point.metric and point.metric != "pipeline.run.ended"
    }
    waits = {
        (point.attributes["pipeline.queue.name"], point.attributes["operation"]): point.raw.count
        for point in told.points
        if point.metric == "pipeline.queue.wait"
    }

    if program.name == "decorated":
        assert run == {"pipeline.run.progress": 12, "pipeline.run.total": 12}
        assert waits == {("analyse->store", "put"): 6, ("analyse->store", "get"): 6}
    else:
        assert (run, waits) == ({}, {})
