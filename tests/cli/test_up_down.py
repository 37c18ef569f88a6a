"""`otelkit up` and `otelkit down`: a receiver in the background."""

from __future__ import annotations

import os
import signal
import socket
import stat
from pathlib import Path

import pytest

from otelkit._cli.receiver_note import ReceiverNote
from otelkit.delivery.spool import Spool
from otelkit.embedded.client import ReceiverInfo, probe
from otelkit.embedded.store import open_reader
from otelkit.ledger.ledger import Ledger
from tests.cli.running import alive, command, environment, free_port, kill, last_json, otelkit, started
from tests.cli.terminal import Terminal
from tests.embedded.receiving import post
from tests.embedded.test_service import spans, stored_spans
from tests.waiting import wait_until


def store(folder: Path) -> Path:
    return folder / ".otelkit"


def test_up_listens_and_down_stops(tmp_path: Path) -> None:
    """In the background; what was acknowledged is stored; the folder is kept out of version control."""
    env = environment()
    up = otelkit(tmp_path, "up", env=env)
    port = int(env["OTEL_PYTHON_OTELKIT_RECEIVER_HTTP_PORT"])
    found = probe("127.0.0.1", port)
    assert isinstance(found, ReceiverInfo)
    assert post(port, "/v1/traces", spans(3)).status == 200
    down = otelkit(tmp_path, "down", env=env)

    assert (up.returncode, down.returncode, alive(found.pid)) == (0, 0, False)
    assert f"listens on http://127.0.0.1:{port}".encode() in up.stdout
    assert f"(pid {found.pid})".encode() in down.stdout
    assert stored_spans(store(tmp_path)) == 3
    assert (store(tmp_path) / ".gitignore").read_text() == "*\n"
    assert stat.S_IMODE(store(tmp_path).stat().st_mode) == 0o700
    assert {stat.S_IMODE((store(tmp_path) / name).stat().st_mode) for name in ("telemetry.db", "receiver.log")} == {
        0o600
    }
    assert not (store(tmp_path) / "receiver.json").exists()


def test_both_can_be_repeated(tmp_path: Path) -> None:
    """The second time nothing happens, and that is no error."""
    env = environment()
    first = last_json(otelkit(tmp_path, "up", "--json", env=env).stdout)
    second = last_json(otelkit(tmp_path, "up", "--json", env=env).stdout)
    stopped = last_json(otelkit(tmp_path, "down", "--json", env=env).stdout)
    nothing = otelkit(tmp_path, "down", env=env)

    assert (first["already"], second["already"]) == (False, True)
    assert second | {"already": False} == first
    assert stopped == {"stopped": True, "pid": first["pid"]}
    assert (nothing.returncode, nothing.stdout) == (0, b"no receiver runs for this folder\n")


def test_a_taken_port_is_an_error_that_names_its_holder(tmp_path: Path) -> None:
    """Exit code 1, no process left behind."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        up = otelkit(tmp_path, "up", env=environment(port))

    assert up.returncode == 1
    assert f"Port {port} on 127.0.0.1 is taken by".encode() in up.stderr
    assert f"(pid {os.getpid()})".encode() in up.stderr
    assert not (store(tmp_path) / "receiver.json").exists()


def test_a_broken_store_is_an_error(tmp_path: Path) -> None:
    """The receiver does not start on what it can't write."""
    store(tmp_path).mkdir()
    (store(tmp_path) / "telemetry.db").write_bytes(b"not a database " * 1000)
    up = otelkit(tmp_path, "up")

    assert up.returncode == 1
    assert b"telemetry.db" in up.stderr
    assert b"Traceback" not in up.stderr


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    """With what to do about it."""
    (tmp_path / ".otelkit").write_text("a file")
    up = otelkit(tmp_path, "up")

    assert up.returncode == 1
    assert b"store_dir" in up.stderr


def test_a_wrong_setting_is_told_and_its_default_used(tmp_path: Path) -> None:
    """One bad value stops nothing."""
    env = environment(OTEL_PYTHON_OTELKIT_RECEIVER_MAX_BODY_BYTES="lots")
    otelkit(tmp_path, "up", env=env)
    otelkit(tmp_path, "down", env=env)

    assert "receiver_max_body_bytes is 'lots'" in (store(tmp_path) / "receiver.log").read_text()


def test_up_tells_of_a_wrong_setting_where_it_is_typed(tmp_path: Path) -> None:
    """Not only in the log of the process in the background."""
    env = environment(OTEL_PYTHON_OTELKIT_STORE_MAX_BYTES="lots")
    up = otelkit(tmp_path, "up", env=env)
    otelkit(tmp_path, "down", env=env)

    assert up.returncode == 0
    assert up.stderr.count(b"store_max_bytes is 'lots'") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_in_the_foreground_it_ends_by_signals(tmp_path: Path, number: int) -> None:
    """Orderly, with exit code 0, as supervisors like it."""
    env = environment()
    process = started(tmp_path, "up", "--foreground", "--json", env=env)
    assert process.stdout is not None
    said = last_json(process.stdout.readline())
    assert post(said["http_port"], "/v1/traces", spans(2)).status == 200
    kill(process.pid, number)
    process.communicate(timeout=60)

    assert (process.returncode, stored_spans(store(tmp_path))) == (0, 2)


def test_a_second_one_in_the_foreground_is_refused(tmp_path: Path) -> None:
    """A supervisor must not think that it holds the receiver."""
    env = environment()
    up = last_json(otelkit(tmp_path, "up", "--json", env=env).stdout)
    second = otelkit(tmp_path, "up", "--foreground", env=env)
    otelkit(tmp_path, "down", env=env)

    assert second.returncode == 1
    assert f"(pid {up['pid']})".encode() in second.stderr


def test_kill_nine_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """At any moment: requests go on until the receiver is gone, and every 200 is found again; it starts anew."""
    env = environment()
    acknowledged = 0
    for round_number in range(3):
        up = last_json(otelkit(tmp_path, "up", "--json", env=env).stdout)
        for sent in range(40):
            try:
                answered = post(up["http_port"], "/v1/traces", spans(50))
            except OSError:
                break
            acknowledged += 50 * (answered.status == 200)
            if sent == 10 + 5 * round_number:
                kill(up["pid"])
        wait_until(lambda pid=up["pid"]: not alive(pid))

        assert acknowledged <= stored_spans(store(tmp_path)) <= acknowledged + 50 * (round_number + 1)
    again = last_json(otelkit(tmp_path, "up", "--json", env=env).stdout)
    otelkit(tmp_path, "down", env=env)
    assert not again["already"]


def test_down_never_stops_a_stranger(tmp_path: Path) -> None:
    """A stale note may name a process id that was given out again."""
    process = started(tmp_path, "--version", stdin=None)
    process.communicate(timeout=60)
    store(tmp_path).mkdir()
    ReceiverNote(os.getpid(), "127.0.0.1", free_port(), None, "up").write(store(tmp_path))
    before = signal.signal(signal.SIGTERM, lambda *_: pytest.fail("somebody sent us SIGTERM"))
    try:
        down = otelkit(tmp_path, "down")
    finally:
        signal.signal(signal.SIGTERM, before)

    assert (down.returncode, down.stdout) == (0, b"no receiver runs for this folder\n")


def test_down_leaves_the_receiver_of_a_run(tmp_path: Path) -> None:
    """It ends with its run."""
    env = environment()
    process = started(tmp_path, "run", "sh", "-c", "echo ready; read line", env=env)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    down = otelkit(tmp_path, "down", env=env)
    process.communicate(b"\n", timeout=60)

    assert down.returncode == 1
    assert f"belongs to `otelkit run` (pid {process.pid})".encode() in down.stderr
    assert process.returncode == 0


def test_what_was_spooled_is_taken_in(tmp_path: Path) -> None:
    """At the start, by itself; damaged files are set aside, refused ones are dropped with a line in the log."""
    spool = Spool(store(tmp_path) / "spool", 1 << 20, Ledger())
    for _ in range(20):
        spool.write("traces", spans(2), 2)
    spool.write("traces", b"\xff\xff\xff", 7)
    (store(tmp_path) / "spool" / "0-damaged.otlp").write_bytes(b"torn")
    env = environment()
    otelkit(tmp_path, "up", env=env)
    wait_until(lambda: not list((store(tmp_path) / "spool").glob("*.otlp")))
    otelkit(tmp_path, "down", env=env)

    assert stored_spans(store(tmp_path)) == 40
    assert [path.name for path in (store(tmp_path) / "spool").iterdir()] == ["0-damaged.otlp.damaged"]
    assert "7 spooled traces are lost" in (store(tmp_path) / "receiver.log").read_text()


def test_the_receiver_survives_the_terminal_that_started_it(tmp_path: Path) -> None:
    """Closing it is no reason to stop receiving."""
    env = environment()
    port = int(env["OTEL_PYTHON_OTELKIT_RECEIVER_HTTP_PORT"])
    with Terminal(tmp_path, command("up"), http_port=port) as terminal:
        assert terminal.end() == 0, terminal.text
    found = probe("127.0.0.1", port)
    otelkit(tmp_path, "down", env=env)

    assert isinstance(found, ReceiverInfo)


def test_a_full_disk_is_told_to_senders_and_passes(tmp_path: Path) -> None:
    """503 while there is no room, 200 when there is some again; the store stays whole."""
    small = tmp_path / "small"
    small.mkdir()
    if os.system(f"mount -t tmpfs -o size=2m tmpfs {small} 2>/dev/null") != 0:
        pytest.skip("needs the right to mount a small file system")
    try:
        env = environment(OTEL_PYTHON_OTELKIT_STORE_DIR=str(small / "store"))
        up = last_json(otelkit(tmp_path, "up", "--json", env=env).stdout)
        try:
            taken = 0
            for _ in range(200):
                answered = post(up["http_port"], "/v1/traces", spans(200))
                if answered.status != 200:
                    break
                taken += 200
            assert (answered.status, answered.headers["retry-after"]) == (503, "5")
            os.system(f"mount -o remount,size=8m {small}")
            assert post(up["http_port"], "/v1/traces", spans(200)).status == 200
        finally:
            otelkit(tmp_path, "down", env=env)
        reader = open_reader(small / "store" / "telemetry.db")
        stored = reader.stats()["spans"]
        reader.close()
    finally:
        os.system(f"umount {small}")

    assert stored == taken + 200


def test_the_note_is_for_its_owner_to_remove(tmp_path: Path) -> None:
    """A receiver that ends late leaves its successor's note alone."""
    old = ReceiverNote(1, "127.0.0.1", 1, None, "up")
    new = ReceiverNote(2, "127.0.0.1", 2, None, "run")
    old.write(tmp_path)
    new.write(tmp_path)
    old.remove(tmp_path)
    assert (tmp_path / "receiver.json").exists()
    new.remove(tmp_path)

    assert not list(tmp_path.iterdir())


def test_the_store_folder_of_others_is_left_as_it_is(tmp_path: Path) -> None:
    """A folder in which somebody else keeps files stays committable, and keeps its mode."""
    store(tmp_path).mkdir(mode=0o750)
    (store(tmp_path) / "notes.txt").write_text("of somebody else")
    env = environment()
    otelkit(tmp_path, "up", env=env)
    otelkit(tmp_path, "down", env=env)

    assert stat.S_IMODE(store(tmp_path).stat().st_mode) == 0o750
    assert not (store(tmp_path) / ".gitignore").exists()
