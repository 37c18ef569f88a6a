"""`otelkit run`, as a user types it: the program comes first."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import sqlite3
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from otelkit.embedded.store import open_reader
from tests.cli.running import (
    command,
    environment,
    free_port,
    kill,
    last_json,
    otelkit,
    runs,
    started,
)
from tests.cli.terminal import Terminal
from tests.programs import write
from tests.waiting import wait_until

STAGED = """
    import otelkit

    @otelkit.stage
    def parse(number):
        if number % 10 == 3:
            raise ValueError(f"bad {number}")

    with otelkit.run("nightly", total=20) as run:
        for number in run.track(range(20)):
            try:
                parse(number)
            except ValueError:
                pass
"""


@pytest.mark.requirement("TRC-01")
def test_a_program_is_recorded_and_summed_up(tmp_path: Path) -> None:
    """Calls and failures are exact; the summary is on standard error and names the next command."""
    write(tmp_path, "app.py", STAGED)
    ran = otelkit(tmp_path, "run", "python", "app.py")
    (run,) = runs(tmp_path)
    (stage,) = run.stages

    assert (ran.returncode, ran.stdout) == (0, b""), ran.stderr.decode()
    assert (run.name, run.state, run.exit_code, run.spans) == ("nightly", "ok", 0, 21)
    assert (stage.name, stage.calls, stage.failed) == ("parse", 20, 2)
    assert b"parse" in ran.stderr
    assert b"otelkit trace" in ran.stderr


def test_a_token_is_shown_by_everything_that_otelkit_starts(tmp_path: Path) -> None:
    """By the run that receives itself, and by the one that finds a receiver of the folder."""
    write(tmp_path, "app.py", STAGED)
    env = environment(OTEL_PYTHON_OTELKIT_RECEIVER_TOKEN="s3cret", OTEL_EXPORTER_OTLP_HEADERS="x-tenant=a")
    alone = otelkit(tmp_path, "run", "python", "app.py", env=env)
    up = otelkit(tmp_path, "up", env=env)
    beside = otelkit(tmp_path, "run", "python", "app.py", env=env)
    down = otelkit(tmp_path, "down", env=env)

    assert [step.returncode for step in (alone, up, beside, down)] == [0, 0, 0, 0], beside.stderr.decode()
    assert [run.spans for run in runs(tmp_path)] == [21, 21]


def test_json_is_one_line_on_standard_output(tmp_path: Path) -> None:
    """Behind whatever the program printed; then there is no summary."""
    write(tmp_path, "app.py", STAGED + "\n    print('from the program')\n")
    ran = otelkit(tmp_path, "run", "--json", "--", "python", "app.py")
    said = last_json(ran.stdout)

    assert ran.stdout.splitlines()[0] == b"from the program"
    assert (said["state"], said["exit_code"], said["stages"][0]["calls"]) == ("ok", 0, 20)
    assert ran.stderr == b""


@pytest.mark.parametrize("code", [0, 1, 2, 42, 255])
def test_the_exit_code_is_the_program_s(tmp_path: Path, code: int) -> None:
    """Whatever it is."""
    ran = otelkit(tmp_path, "run", "--json", "sh", "-c", f"exit {code}")

    assert ran.returncode == code
    assert runs(tmp_path)[0].state == ("ok" if code == 0 else "failed")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM, signal.SIGINT])
def test_a_program_killed_by_a_signal_ends_as_in_a_shell(tmp_path: Path, number: int) -> None:
    """128 + N."""
    ran = otelkit(tmp_path, "run", "sh", "-c", f"kill -{number} $$")

    assert ran.returncode == 128 + number
    assert runs(tmp_path)[0].state == ("interrupted" if number in (signal.SIGTERM, signal.SIGINT) else "failed")


def test_standard_input_and_output_pass_through_byte_by_byte(tmp_path: Path) -> None:
    """A megabyte of anything, in and out."""
    data = os.urandom(1 << 20)
    ran = otelkit(tmp_path, "run", "cat", stdin=data)

    assert (ran.returncode, ran.stdout) == (0, data)


def test_arguments_environment_and_folder_are_the_program_s_own(tmp_path: Path) -> None:
    """Also arguments that look like ours, and descriptors that were handed down."""
    write(
        tmp_path,
        "app.py",
        """
        import json, os, sys
        print(json.dumps([sys.argv[1:], os.getcwd(), os.environ["MINE"], os.read(int(sys.argv[-1]), 5).decode()]))
        """,
    )
    reading, writing = os.pipe()
    os.write(writing, b"hello")
    process = started(
        tmp_path, "run", "python", "app.py", "--json", "--no-live", "--", "-x", str(reading),
        env=environment(MINE="yes"), pass_fds=[reading],
    )  # fmt: skip
    out, err = process.communicate(timeout=60)
    os.close(reading)
    os.close(writing)

    assert json.loads(out) == [["--json", "--no-live", "--", "-x", str(reading)], str(tmp_path), "yes", "hello"], err


@pytest.mark.parametrize(("words", "code"), [(("nosuch",), 127), (("./plain",), 126), (("./no_first_line",), 126)])
def test_a_program_that_cannot_be_started_is_named(tmp_path: Path, words: tuple[str, ...], code: int) -> None:
    """With the exit codes of a shell, and no run is left behind."""
    write(tmp_path, "plain", "x")
    write(tmp_path, "no_first_line", "\x7fELF").chmod(0o755)
    ran = otelkit(tmp_path, "run", *words)

    assert ran.returncode == code
    assert ran.stderr.startswith(b"otelkit: ")
    assert b"Traceback" not in ran.stderr


def test_without_a_command_it_is_called_wrongly(tmp_path: Path) -> None:
    """Exit code 2, as for any program."""
    ran = otelkit(tmp_path, "run")

    assert ran.returncode == 2
    assert b"COMMAND" in ran.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGQUIT])
def test_a_signal_reaches_the_program_once(tmp_path: Path, number: int) -> None:
    """Sent to us alone, it is handed on; the program's own handler decides what it means."""
    write(
        tmp_path,
        "app.py",
        """
        import signal, sys, time
        got = []
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGQUIT):
            signal.signal(number, lambda n, f: got.append(n))
        print("ready", flush=True)
        while not got:
            time.sleep(0.01)
        time.sleep(0.3)
        print(got, flush=True)
        sys.exit(33)
        """,
    )
    process = started(tmp_path, "run", "python", "app.py")
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    kill(process.pid, number)
    out, _ = process.communicate(timeout=60)

    assert (out, process.returncode) == (f"[{int(number)}]\n".encode(), 33)


GROUP_SIGNALS = """
    import signal, time
    got = []
    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, lambda n, f: got.append(n))
    print("ready", flush=True)
    while signal.SIGTERM not in got:
        time.sleep(0.01)
    time.sleep(0.3)
    print(*got, flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="told by /proc")
@pytest.mark.parametrize("first_to_us", [False, True], ids=["to all", "to us, then to all"])
def test_a_signal_to_the_whole_group_reaches_the_program_once(tmp_path: Path, first_to_us: bool) -> None:
    """Also when no terminal sent it: `timeout 60 otelkit run …`, `kill -TERM -PGID`; and what follows is told apart again."""
    write(tmp_path, "app.py", GROUP_SIGNALS)
    process = started(tmp_path, "run", "python", "app.py", start_new_session=True)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    before = children(process.pid)
    if first_to_us:
        os.kill(process.pid, signal.SIGUSR1)
    os.killpg(process.pid, signal.SIGUSR1)
    # The witness that saw it has been replaced: what comes now is another signal.
    wait_until(lambda: len(children(process.pid) - before) == 1, 10)
    os.kill(process.pid, signal.SIGUSR1)
    os.killpg(process.pid, signal.SIGTERM)
    out, _ = process.communicate(timeout=60)

    assert sorted(out.split()) == [b"10", b"10", b"15"]
    assert process.returncode == 0


def children(pid: int) -> set[str]:
    """Return the process ids of a process's children, those of all its threads."""
    return {child for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()}


def test_sigterm_ends_an_ordinary_program_and_keeps_its_telemetry(tmp_path: Path) -> None:
    """The program dies of it as it would alone; what it did until then is stored."""
    write(
        tmp_path,
        "app.py",
        """
        import time
        import otelkit

        @otelkit.stage
        def parse():
            pass

        parse()
        print("ready", flush=True)
        time.sleep(60)
        """,
    )
    process = started(tmp_path, "run", "python", "app.py")
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    kill(process.pid, signal.SIGTERM)
    process.communicate(timeout=60)
    (run,) = runs(tmp_path)

    assert process.returncode == 128 + signal.SIGTERM
    assert (run.state, run.exit_code, run.stages[0].calls) == ("interrupted", 143, 1)


def test_ctrl_c_reaches_the_whole_group_and_the_program_only_once(tmp_path: Path) -> None:
    """In a terminal of its own: the program cleans up, we end with its code and still say what came of it."""
    write(
        tmp_path,
        "app.py",
        """
        import sys, time
        count = 0
        while True:
            try:
                print("ready", flush=True)
                time.sleep(0.5 if count else 60)
                break
            except KeyboardInterrupt:
                count += 1
        print("interrupted", count, flush=True)
        sys.exit(7)
        """,
    )
    with Terminal(tmp_path, command("run", "--no-live", "python", "app.py")) as terminal:
        terminal.expect("ready")
        terminal.type(b"\x03")
        terminal.expect("interrupted 1")

        assert terminal.end() == 7
    assert "failed (7)" in terminal.text


def test_an_unhandled_ctrl_c_ends_us_as_it_ended_the_program(tmp_path: Path) -> None:
    """By the signal itself, so that a shell's own loop around us stops too."""
    write(tmp_path, "app.py", "print('ready', flush=True)\nimport time\ntime.sleep(60)\n")
    with Terminal(tmp_path, command("run", "--no-live", "python", "app.py")) as terminal:
        terminal.expect("ready")
        terminal.type(b"\x03")

        assert terminal.end() == -signal.SIGINT
    assert "interrupted" in terminal.text
    assert terminal.text.count("Traceback") == 1, "the program's own, and none of ours"


def test_ctrl_z_stops_both_and_fg_goes_on(tmp_path: Path) -> None:
    """They are one job for the shell."""
    write(
        tmp_path,
        "app.py",
        """
        import signal
        signal.signal(signal.SIGCONT, lambda number, frame: print("in front again", flush=True))
        print("ready", flush=True)
        input()
        print("went on", flush=True)
        """,
    )
    with Terminal(tmp_path, ["bash", "--norc", "-i"]) as terminal:
        terminal.type(
            b"PS1='prom''pt> '; " + shlex.join(command("run", "--no-live", "python", "app.py")).encode() + b"\n"
        )
        terminal.expect("ready\n")
        terminal.type(b"\x1a")
        terminal.expect("Stopped")
        # Before it prompts, the shell may drop what is typed.
        terminal.expect("prompt> ")
        terminal.type(b"fg\n")
        terminal.expect("in front again")
        terminal.type(b"\n")
        terminal.expect("went on")
        terminal.expect("otelkit runs")
        terminal.type(b"echo code=$?; exit\n")
        terminal.expect("code=0")


def test_ignored_signals_stay_ignored(tmp_path: Path) -> None:
    """`nohup otelkit run …` survives the end of its terminal, and so does the program."""
    write(
        tmp_path,
        "app.py",
        """
        import signal, sys
        print(signal.getsignal(signal.SIGHUP) == signal.SIG_IGN, flush=True)
        sys.stdin.read()
        """,
    )
    process = started(
        tmp_path, "run", "python", "app.py", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"True\n"
    kill(process.pid, signal.SIGHUP)
    process.communicate(timeout=60)

    assert process.returncode == 0


def test_the_program_starts_with_default_signals(tmp_path: Path) -> None:
    """What Python ignores for itself, and what we block, is not handed down."""
    ran = otelkit(tmp_path, "run", "sh", "-c", "grep -E 'SigBlk|SigIgn' /proc/self/status")
    blocked, ignored = (int(line.split()[1], 16) for line in ran.stdout.splitlines())

    # glibc keeps 32 and 33 for its threads, and starts every program with them ignored.
    assert (blocked, ignored & ~(0b11 << 31)) == (0, 0)


def test_a_foreign_listener_is_named_and_avoided(tmp_path: Path) -> None:
    """In one line; the run is received on another port."""
    write(tmp_path, "app.py", STAGED)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = otelkit(tmp_path, "run", "python", "app.py", env=environment(port))
    first = ran.stderr.splitlines()[0].decode()

    assert ran.returncode == 0
    assert f"port {port} is taken by" in first
    assert f"(pid {os.getpid()})" in first
    assert runs(tmp_path)[0].stages[0].calls == 20


def test_a_receiver_that_runs_already_is_used(tmp_path: Path) -> None:
    """And goes on afterwards."""
    write(tmp_path, "app.py", STAGED)
    env = environment()
    up = last_json(otelkit(tmp_path, "up", "--json", env=env).stdout)
    try:
        ran = otelkit(tmp_path, "run", "--json", "python", "app.py", env=env)
        again = last_json(otelkit(tmp_path, "up", "--json", env=env).stdout)
    finally:
        otelkit(tmp_path, "down", env=env)

    assert (last_json(ran.stdout)["stages"][0]["calls"], ran.stderr) == (20, b"")
    assert (again["pid"], again["already"]) == (up["pid"], True)


def test_a_receiver_of_another_folder_is_left_alone(tmp_path: Path) -> None:
    """This folder's runs are stored in this folder."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    write(here, "app.py", STAGED)
    env = environment()
    otelkit(there, "up", env=env)
    try:
        ran = otelkit(here, "run", "python", "app.py", env=env)
    finally:
        otelkit(there, "down", env=env)

    assert str(there).encode() in ran.stderr.splitlines()[0]
    assert runs(here)[0].stages[0].calls == 20
    assert runs(there) == []


def test_a_receiver_killed_during_the_run_is_replaced(tmp_path: Path) -> None:
    """`kill -9` of the receiver costs nothing: what was acknowledged is there, the rest is spooled and taken in."""
    write(
        tmp_path,
        "app.py",
        """
        import sys
        import otelkit

        @otelkit.stage
        def parse():
            pass

        parse()
        otelkit.flush(timeout_s=10)
        print("first", flush=True)
        sys.stdin.readline()
        for _ in range(100):
            parse()
        """,
    )
    env = environment()
    up = last_json(otelkit(tmp_path, "up", "--json", env=env).stdout)
    process = started(tmp_path, "run", "--json", "python", "app.py", env=env)
    assert process.stdout is not None
    assert process.stdout.readline() == b"first\n"
    kill(up["pid"])
    out, err = process.communicate(b"\n", timeout=60)
    said = last_json(out)

    assert (process.returncode, said["state"]) == (0, "ok"), err.decode()
    assert said["stages"][0]["calls"] == 101
    assert said["lost"] == 0


def test_two_runs_at_once_share_a_receiver_that_the_first_brought(tmp_path: Path) -> None:
    """When the first ends before the second, the second takes over; both are whole."""
    write(
        tmp_path,
        "app.py",
        """
        import sys
        import otelkit

        @otelkit.stage
        def parse():
            pass

        for _ in range(50):
            parse()
        print("ready", flush=True)
        sys.stdin.readline()
        for _ in range(50):
            parse()
        """,
    )
    env = environment()
    processes = []
    for name in ("one", "two"):
        process = started(tmp_path, "run", "--name", name, "--json", "python", "app.py", env=env)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        processes.append(process)
    said = [last_json(process.communicate(b"\n", timeout=60)[0]) for process in processes]

    assert [process.returncode for process in processes] == [0, 0]
    assert [(run["name"], run["stages"][0]["calls"]) for run in said] == [("one", 100), ("two", 100)]


def test_an_endpoint_of_the_user_s_is_respected(tmp_path: Path) -> None:
    """Telemetry goes there, we say so in one line, and leave nothing of our own."""
    write(tmp_path, "app.py", "import os\nprint(os.environ['OTEL_EXPORTER_OTLP_ENDPOINT'])\n")
    elsewhere = f"http://127.0.0.1:{free_port()}"
    ran = otelkit(
        tmp_path, "run", "python", "app.py",
        env=environment(OTEL_EXPORTER_OTLP_ENDPOINT=elsewhere, OTEL_PYTHON_OTELKIT_ENABLED="false"),
    )  # fmt: skip

    assert (ran.returncode, ran.stdout.decode().strip()) == (0, elsewhere)
    assert f"telemetry goes to {elsewhere}".encode() in ran.stderr
    assert not (tmp_path / ".otelkit" / "telemetry.db").exists()


def test_a_run_in_a_run_is_the_same_run(tmp_path: Path) -> None:
    """A script that itself uses `otelkit run` adds its stages to the run around it."""
    write(tmp_path, "app.py", STAGED)
    inner = f"{sys.executable} -P -m otelkit._cli.main run --no-live python app.py"
    ran = otelkit(tmp_path, "run", "sh", "-c", f"{inner}; {inner}")

    assert ran.returncode == 0
    assert [(run.stages[0].calls, run.spans) for run in runs(tmp_path)] == [(40, 42)]
    assert ran.stderr.count(b"otelkit runs ") == 1, "one summary, the outer one's"


def test_a_run_goes_on_when_one_inside_of_it_ends(tmp_path: Path) -> None:
    """How the run ended, and what it was, is for the outer `otelkit run` to say."""
    write(tmp_path, "app.py", "raise SystemExit(3)")
    inner = f"{sys.executable} -P -m otelkit._cli.main"
    ran = otelkit(tmp_path, "run", "sh", "-c", f"{inner} run python app.py; {inner} runs --json")
    (during,) = json.loads(ran.stdout)["runs"]
    (after,) = runs(tmp_path)

    assert (during["state"], during["exit_code"], after.state, after.exit_code) == ("running", None, "ok", 0)


@pytest.mark.parametrize("damage", ["corrupt", "newer", "read-only"])
def test_a_store_that_cannot_be_opened_never_stops_the_program(tmp_path: Path, damage: str) -> None:
    """It runs, we say what is wrong, and its telemetry waits in the spool where that can be written."""
    folder = tmp_path / ".otelkit"
    folder.mkdir()
    if damage == "corrupt":
        (folder / "telemetry.db").write_bytes(b"not a database " * 1000)
    elif damage == "newer":
        otelkit(tmp_path, "run", "true")
        connection = sqlite3.connect(folder / "telemetry.db")
        connection.execute("PRAGMA user_version = 999")
        connection.close()
    else:
        (folder / "telemetry.db").mkdir()
    write(tmp_path, "app.py", STAGED + "\n    print('done')\n")
    ran = otelkit(tmp_path, "run", "python", "app.py")

    assert (ran.returncode, ran.stdout) == (0, b"done\n"), ran.stderr.decode()
    assert b"the program runs on" in ran.stderr
    assert b"Traceback" not in ran.stderr
    assert list((folder / "spool").glob("*.otlp"))


def test_a_wrong_setting_of_the_receiver_is_said_once(tmp_path: Path) -> None:
    """By us, and not again by the program, which has the same environment."""
    write(tmp_path, "app.py", STAGED)
    env = environment(OTEL_PYTHON_OTELKIT_STORE_MAX_BYTES="lots")
    ran = otelkit(tmp_path, "run", "python", "app.py", env=env)

    assert ran.stderr.count(b"store_max_bytes is 'lots'") == 1
    assert len(runs(tmp_path)) == 1


def test_a_store_that_nobody_offers_is_named_while_recording(tmp_path: Path) -> None:
    """Not only when somebody wants to read what was recorded."""
    write(tmp_path, "app.py", STAGED)
    ran = otelkit(tmp_path, "run", "python", "app.py", env=environment(OTEL_PYTHON_OTELKIT_STORE="nosuch"))

    assert ran.stderr.count(b"store is 'nosuch'") == 1
    assert b"stored in .otelkit all the same" in ran.stderr
    assert len(runs(tmp_path)) == 1


@pytest.mark.parametrize("why", ["no folder", "switched off"])
def test_what_is_lost_is_not_said_to_wait(tmp_path: Path, why: str) -> None:
    """Where neither store nor spool can be written, we say so."""
    more = {}
    if why == "no folder":
        (tmp_path / ".otelkit").touch()
    else:
        (tmp_path / ".otelkit" / "telemetry.db").mkdir(parents=True)
        more = {"OTEL_PYTHON_OTELKIT_SPOOL": "false"}
    ran = otelkit(tmp_path, "run", "true", env=environment(**more))

    assert ran.returncode == 0
    assert b"its telemetry is lost" in ran.stderr
    assert b"waits in" not in ran.stderr


def test_what_was_spooled_is_taken_in_before_the_program_starts(tmp_path: Path) -> None:
    """Telemetry of a program that ran without a receiver."""
    write(tmp_path, "app.py", STAGED)
    port = free_port()
    env = environment(port, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}", OTEL_SERVICE_NAME="alone")
    alone = subprocess.run(
        [str(Path(sys.executable).with_name("opentelemetry-instrument")), "python", "app.py"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        timeout=60,
    )
    assert list((tmp_path / ".otelkit" / "spool").glob("*.otlp")), alone.stderr
    otelkit(tmp_path, "run", "true", env=environment(port))

    assert not list((tmp_path / ".otelkit" / "spool").glob("*.otlp"))
    assert sorted(run.spans for run in runs(tmp_path)) == [0, 21]


def test_a_python_without_otelkit_runs_unrecorded(tmp_path: Path) -> None:
    """And untouched: not one line on its standard error that it would not have alone."""
    venv.create(tmp_path / "bare", with_pip=False, symlinks=True)
    python = tmp_path / "bare" / "bin" / "python"
    write(tmp_path, "app.py", "import sys\nprint(sys.prefix)\nsys.exit(5)\n")
    ran = otelkit(tmp_path, "run", str(python), "app.py")

    assert (ran.returncode, ran.stdout.decode().strip()) == (5, str(tmp_path / "bare"))
    (line,) = ran.stderr.splitlines()
    assert b"is a Python without otelkit" in line


def test_kill_nine_of_us_leaves_a_store_that_opens(tmp_path: Path) -> None:
    """What was acknowledged is there; the next run works."""
    write(
        tmp_path,
        "app.py",
        """
        import time
        import otelkit

        @otelkit.stage
        def parse():
            pass

        for _ in range(100):
            parse()
        otelkit.flush(timeout_s=10)
        print("flushed", flush=True)
        time.sleep(3)
        """,
    )
    process = started(tmp_path, "run", "python", "app.py")
    assert process.stdout is not None
    assert process.stdout.readline() == b"flushed\n"
    kill(process.pid)
    process.communicate(timeout=60)
    (run,) = runs(tmp_path)

    assert run.stages[0].calls == 100
    assert otelkit(tmp_path, "run", "true").returncode == 0
    wait_until(lambda: len(runs(tmp_path)) == 2)


def test_spans_of_the_program_are_its_own_processes(tmp_path: Path) -> None:
    """A shell script with two Python programs in it is one run."""
    write(tmp_path, "app.py", STAGED)
    otelkit(tmp_path, "run", "sh", "-c", "python app.py; python app.py")
    (run,) = runs(tmp_path)
    reader = open_reader(tmp_path / ".otelkit" / "telemetry.db")
    stats = reader.stats()
    reader.close()

    assert (run.stages[0].calls, run.spans, stats["spans"]) == (40, 42, 42)


def test_an_ignored_sigchld_does_not_cost_the_exit_code(tmp_path: Path) -> None:
    """Some supervisors hand it down."""
    process = started(
        tmp_path, "run", "sh", "-c", "exit 9", preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    )
    process.communicate(timeout=60)

    assert process.returncode == 9


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_are_no_reason_to_fail(tmp_path: Path, closed: str) -> None:
    """As cron and some supervisors start programs."""
    line = f"{shlex.join(command('run', 'sh', '-c', 'exit 6'))} {closed}"
    ran = subprocess.run(["sh", "-c", line], cwd=tmp_path, env=environment(), capture_output=True, timeout=60)

    assert ran.returncode == 6
    assert b"Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("setting", "source"),
    [
        ({"OTEL_TRACES_SAMPLER": "always_off"}, "metrics"),
        ({"OTEL_TRACES_EXPORTER": "none"}, "metrics"),
        ({"OTEL_PYTHON_OTELKIT_ENABLE_TRACING": "false"}, "metrics"),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.3"}, "metrics"),
        ({"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta"}, "spans"),
        ({"OTEL_METRICS_EXPORTER": "none"}, "spans"),
    ],
    ids=["always off", "no trace exporter", "no tracing", "sampled", "delta metrics", "no metrics"],
)
def test_every_call_is_counted_whatever_is_sampled_or_sent(
    tmp_path: Path, setting: dict[str, str], source: str
) -> None:
    """The stage table is exact, and JSON says where its numbers come from."""
    app = STAGED.replace(
        "with otelkit.run", "for number in range(100):\n        parse(10 * number)\n\n    with otelkit.run"
    )
    write(tmp_path, "app.py", app)
    ran = otelkit(tmp_path, "run", "--json", "python", "app.py", env=environment(**setting))
    (stage,) = last_json(ran.stdout)["stages"]

    assert (stage["calls"], stage["failed"], stage["items"], stage["items_failed"]) == (120, 2, 120, 2)
    assert stage["source"] == source
    assert stage["errors"] == ({} if setting.get("OTEL_METRICS_EXPORTER") else {"ValueError": 2})
    assert stage["p95_s"] > 0


def test_the_name_is_the_run_s_and_not_the_service_s(tmp_path: Path) -> None:
    """`--name` wins over what is in the environment."""
    write(tmp_path, "app.py", "import os\nprint(os.environ['OTEL_SERVICE_NAME'])\n")
    ran = otelkit(
        tmp_path, "run", "--name", "tonight", "python", "app.py", env=environment(OTEL_PYTHON_OTELKIT_RUN_NAME="other")
    )

    assert (ran.stdout, runs(tmp_path)[0].name) == (b"app\n", "tonight")
