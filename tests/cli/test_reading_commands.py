"""The reading commands over a real store: what they print, their JSON and their exit codes."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otelkit._cli import exits
from otelkit._cli.group import run
from otelkit.embedded.wire import decode
from otelkit.embedded.wire_json import to_protobuf
from otelkit.model.signals import Signal
from tests.cli.stored import file_name, trace_id, write_run

FIRST, SECOND = "a" * 32, "b" * 32
FAILING = trace_id(ord("a"), 9)

Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Type a command in an empty folder; returns the exit code, the output and the error output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    for variable in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(variable)

    def typed(*arguments: str) -> tuple[int, str, str]:
        code = run(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return typed


def _json(ask: Ask, *arguments: str) -> Any:  # Any: JSON
    code, out, _ = ask(*arguments)
    assert code == exits.OK
    return json.loads(out)


@pytest.mark.parametrize(
    "arguments",
    [("runs",), ("runs", "x"), ("top",), ("top", "--json"), ("trace", "abc"), ("export",), ("diff", "a", "b")],
    ids=" ".join,
)
def test_nothing_stored_yet(ask: Ask, arguments: tuple[str, ...]) -> None:
    """Without a store each command says how to get one, ends with 3, and makes none."""
    code, out, err = ask(*arguments)

    assert (code, out) == (exits.NOT_FOUND, "")
    assert "Nothing has been stored here yet" in err
    assert "otelkit run" in err
    assert not Path(".otelkit").exists()


@pytest.mark.parametrize(
    "arguments",
    [("runs", "x"), ("top", "x", "--once"), ("trace", "abc"), ("export", "x"), ("diff", "a", "x")],
    ids=" ".join,
)
def test_what_does_not_exist(ask: Ask, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """A run or trace that is not there is named, with what lists those that are."""
    write_run(tmp_path, FIRST)
    code, out, err = ask(*arguments)

    assert (code, out) == (exits.NOT_FOUND, "")
    assert "There is no" in err


def test_an_unknown_backend_is_a_mistake_of_the_settings(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting `store` is checked, with the name that was probably meant."""
    monkeypatch.setenv("OTEL_PYTHON_OTELKIT_STORE", "sqlit")
    code, _, err = ask("runs")

    assert code == exits.USAGE
    assert "OTEL_PYTHON_OTELKIT_STORE" in err
    assert "Did you mean sqlite?" in err


def test_a_damaged_store_is_an_error(ask: Ask, tmp_path: Path) -> None:
    """A file that is no store gives one clear message, not a traceback."""
    (tmp_path / ".otelkit").mkdir()
    (tmp_path / ".otelkit" / "telemetry.db").write_bytes(b"this is not SQLite " * 100)
    code, _, err = ask("runs")

    assert code == exits.FAILED
    assert err.startswith("otelkit: ")
    assert "telemetry.db" in err


def test_runs_lists_the_newest_first(ask: Ask, tmp_path: Path) -> None:
    """One line a run: name, state, start, length, spans, and the id to type."""
    write_run(tmp_path, FIRST, state="failed")
    write_run(tmp_path, SECOND)
    code, out, err = ask("runs")
    rows = [line.split() for line in out.splitlines()]

    assert (code, err) == (exits.OK, "")
    assert rows[0] == ["name", "state", "started", "took", "spans", "run"]
    assert [rows[1][:3], rows[2][:4]] == [["nightly", "✓", "ok"], ["nightly", "✗", "failed", "(1)"]]
    assert rows[1][-2:] == ["156", "b" * 12]
    assert rows[2][-2:] == ["156", "a" * 12]


def test_the_list_can_be_short(ask: Ask, tmp_path: Path) -> None:
    """`--limit` counts runs."""
    write_run(tmp_path, FIRST)
    write_run(tmp_path, SECOND)

    assert [entry["id"] for entry in _json(ask, "runs", "--json", "--limit", "1")["runs"]] == [SECOND]


def test_runs_as_json_tells_the_truth(ask: Ask, tmp_path: Path) -> None:
    """The promised keys, and counts that equal what was stored."""
    write_run(tmp_path, FIRST)
    (entry,) = _json(ask, "runs", "--json")["runs"]

    assert {"id", "name", "state", "started_at", "duration_s", "spans", "lost", "stages"} <= set(entry)
    assert (entry["id"], entry["name"], entry["state"], entry["spans"], entry["lost"]) == (
        FIRST,
        "nightly",
        "ok",
        156,
        0,
    )
    stages = {stage["name"]: stage for stage in entry["stages"]}
    assert all(
        {"name", "calls", "failed", "items", "p50_s", "p95_s", "busy"} <= set(stage) for stage in stages.values()
    )
    assert {name: (stage["calls"], stage["failed"], stage["items"]) for name, stage in stages.items()} == {
        "analyse": (40, 4, 40),
        "read": (40, 0, 40),
        "parse": (40, 4, 40),
        "extract": (36, 0, 36),
    }
    assert stages["parse"]["p50_s"] == pytest.approx(0.005, rel=0.05)
    assert entry["last_failed"]["item"] == file_name(39)
    assert _json(ask, "runs", FIRST[:6], "--json") == {"runs": [entry]}


def test_one_run_is_its_summary(ask: Ask, tmp_path: Path) -> None:
    """By the start of its id or by its name; ends with the traces to look at."""
    write_run(tmp_path, FIRST, state="failed")
    by_id, by_name = ask("runs", "aaaa"), ask("runs", "nightly")

    assert by_id == by_name
    assert by_id[0] == exits.OK
    assert "nightly  ✗ failed (1)" in by_id[1]
    assert "4 of 40 calls of parse, 10.0%" in by_id[1]
    assert "61/64" in by_id[1]


@pytest.mark.requirement("TRC-36")
def test_a_trace_is_found_by_the_start_of_its_id(ask: Ask, tmp_path: Path) -> None:
    """The waterfall has spans, the log line, the exception and what to type for more."""
    write_run(tmp_path, FIRST)
    code, out, _ = ask("trace", FAILING.upper())

    assert code == exits.OK
    assert out.startswith("analyse  ✗ 2 of 3 spans failed  1 log line  10.0 ms")
    assert f"item {file_name(9)}" in out
    assert f"could not parse {file_name(9)}" in out
    assert "SyntaxError: invalid syntax, item 9" in out
    assert f"otelkit trace {FAILING[:12]} --span " in out


@pytest.mark.requirement("TRC-31", "TRC-38")
def test_a_trace_as_json(ask: Ask, tmp_path: Path) -> None:
    """The promised keys with times, status, parents, events and log lines as sent."""
    write_run(tmp_path, FIRST)
    trace = _json(ask, "trace", FAILING, "--json")
    spans = {span["name"]: span for span in trace["spans"]}

    assert set(trace) >= {"trace_id", "spans", "logs"}
    assert trace["trace_id"] == FAILING
    keys = {
        "span_id",
        "parent_span_id",
        "name",
        "start_unix_nano",
        "duration_ns",
        "status",
        "attributes",
        "events",
        "links",
    }
    assert all(keys <= set(span) for span in spans.values())
    assert spans["analyse"]["parent_span_id"] is None
    assert spans["parse"]["parent_span_id"] == spans["analyse"]["span_id"]
    assert (spans["parse"]["status"], spans["parse"]["duration_ns"]) == ("error", 5_000_000)
    assert spans["parse"]["events"][0]["attributes"]["exception.message"] == "invalid syntax, item 9"
    (line,) = trace["logs"]
    assert {"time_unix_nano", "span_id", "severity", "body", "attributes"} <= set(line)
    assert (line["span_id"], line["severity"]) == (spans["parse"]["span_id"], "ERROR")


def test_a_span_in_full(ask: Ask, tmp_path: Path) -> None:
    """`--span` shows everything of one span; one that is not there ends with 3."""
    write_run(tmp_path, FIRST)
    span_id = next(
        span["span_id"] for span in _json(ask, "trace", FAILING, "--json")["spans"] if span["name"] == "parse"
    )
    code, out, _ = ask("trace", FAILING, "--span", span_id)

    assert code == exits.OK
    assert "event exception after 5.00 ms" in out
    assert "log line ERROR after 1.00 ms" in out
    assert "service.name" in out
    assert ask("trace", FAILING, "--span", "ffff")[0] == exits.NOT_FOUND


def test_top_prints_once_into_a_pipe(ask: Ask, tmp_path: Path) -> None:
    """Redirected, `top` is one picture without codes; `--json` the newest run."""
    write_run(tmp_path, FIRST)
    write_run(tmp_path, SECOND, state=None)
    code, out, _ = ask("top")

    assert code == exits.OK
    assert "nightly  ● running" in out
    assert "40 of 80   50%" in out
    assert "\x1b" not in out
    assert ask("top", "--once", FIRST)[1].startswith("nightly  ✓ ok")
    assert _json(ask, "top", "--json")["id"] == SECOND


@pytest.mark.requirement("EXP-03")
def test_export_is_what_was_stored(ask: Ask, tmp_path: Path) -> None:
    """Each line is a request that decodes again; spans, log records and points are all there, of one run or of all."""
    write_run(tmp_path, FIRST)
    write_run(tmp_path, SECOND)

    def counts(out: str) -> dict[str, int]:
        found = {"traces": 0, "metrics": 0, "logs": 0}
        for text in out.splitlines():
            (key,) = json.loads(text)
            signal_: Signal = {"resourceSpans": "traces", "resourceMetrics": "metrics", "resourceLogs": "logs"}[key]  # type: ignore[assignment]  # the three signals
            found[signal_] += decode(signal_, to_protobuf(signal_, text.encode())).count
        return found

    one, both = counts(ask("export", FIRST)[1]), counts(ask("export")[1])

    assert one == {"traces": 156, "metrics": 4, "logs": 40}
    assert both == {"traces": 312, "metrics": 8, "logs": 80}


def test_export_to_a_file(ask: Ask, tmp_path: Path) -> None:
    """The file has what the output would have; what was written is said on stderr, or as JSON."""
    write_run(tmp_path, FIRST)
    printed = ask("export")[1]
    code, out, err = ask("export", "-o", "run.jsonl")
    facts = _json(ask, "export", "-o", "run.jsonl", "--json")

    assert (code, out) == (exits.OK, "")
    assert Path("run.jsonl").read_text() == printed
    assert err.startswith("wrote 3 lines, ")
    assert (facts["lines"], facts["bytes"]) == (3, len(printed))
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("run")] == ["run.jsonl"]


def test_export_that_fails_leaves_the_old_file(ask: Ask, tmp_path: Path) -> None:
    """No such run: what stood there before is untouched. No such folder: one clear message."""
    write_run(tmp_path, FIRST)
    Path("old.jsonl").write_text("old")

    assert ask("export", "zzz", "-o", "old.jsonl")[0] == exits.NOT_FOUND
    assert Path("old.jsonl").read_text() == "old"
    code, _, err = ask("export", "-o", "missing/run.jsonl")
    assert code == exits.FAILED
    assert "missing/run.jsonl" in err
    assert ask("export", "--json")[0] == exits.USAGE


def test_diff_shows_what_became_slower(ask: Ask, tmp_path: Path) -> None:
    """Twice as slow is about +100 %; a stage that did not change is not called worse."""
    write_run(tmp_path, FIRST)
    write_run(tmp_path, SECOND, factor=2)
    code, out, _ = ask("diff", FIRST, SECOND)
    rows = {line.split()[0]: line for line in out.splitlines() if line}

    assert code == exits.OK
    # Each side is read from a histogram, at most 5 % off.
    assert 90 <= int(rows["parse"].split("+")[1].partition("%")[0]) <= 110
    assert "±0%" in rows["read"]
    limit, _, err = ask("diff", FIRST, SECOND, "--fail-above", "50")
    assert limit == exits.FAILED
    assert err.startswith("worse by more than 50 %: ")
    assert "read" not in err
    assert ask("diff", FIRST, SECOND, "--fail-above", "150")[0] == exits.OK
    stages = {stage["name"]: stage for stage in _json(ask, "diff", FIRST, SECOND, "--json")["stages"]}
    assert (stages["parse"]["before"]["calls"], stages["parse"]["after"]["calls"]) == (40, 40)


def _in_terminal(folder: Path, *arguments: str) -> tuple[subprocess.Popen[bytes], int]:
    """Start a command on a terminal of its own, 80 by 24; returns it and the terminal's other end."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "COLUMNS", "NO_COLOR"))
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "otelkit._cli.main", *arguments],
        cwd=folder,
        env=environment | {"TERM": "xterm-256color", "PYTHONPATH": str(Path(__file__).parents[2])},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    return process, ours


def _read_until(terminal: int, found: Callable[[str], bool], limit_s: float = 20.0) -> str:
    text = io.BytesIO()
    end = time.monotonic() + limit_s
    while not found(text.getvalue().decode(errors="replace")) and (left := end - time.monotonic()) > 0:
        if select.select([terminal], [], [], left)[0]:
            try:
                text.write(os.read(terminal, 65536))
            except OSError:  # the other end is closed
                break
    return text.getvalue().decode()


def test_top_on_a_terminal_ends_cleanly_with_ctrl_c(tmp_path: Path) -> None:
    """A live table, then Ctrl-C: exit code 0, no traceback, the cursor is back, the table stays."""
    write_run(tmp_path, FIRST, state=None)
    process, terminal = _in_terminal(tmp_path, "top")
    try:
        live = _read_until(terminal, lambda text: "Ctrl-C leaves" in text)
        process.send_signal(signal.SIGINT)
        rest = _read_until(terminal, lambda text: False)
        code = process.wait(20)
    finally:
        process.kill()
        process.wait()
        os.close(terminal)

    assert "calls/s" in live
    assert code == exits.OK
    assert "Traceback" not in rest
    assert rest.rstrip().endswith("\x1b[?25h")


def test_top_of_a_named_run_ends_with_it(tmp_path: Path) -> None:
    """`top RUN` follows until the run is over, then leaves by itself with its last state."""
    write_run(tmp_path, FIRST, state=None)
    process, terminal = _in_terminal(tmp_path, "top", FIRST)
    try:
        _read_until(terminal, lambda text: "Ctrl-C leaves" in text)
        write_run(tmp_path, FIRST, files=1, state="ok")
        rest = _read_until(terminal, lambda text: False)
        code = process.wait(20)
    finally:
        process.kill()
        process.wait()
        os.close(terminal)

    assert code == exits.OK
    assert "✓ ok" in rest


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    """`otelkit export | head` ends without a traceback."""
    write_run(tmp_path, FIRST, files=2000)
    script = f"{sys.executable} -m otelkit._cli.main export | head -c 100 >/dev/null"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )

    assert done.stderr == ""
