"""The receiver as a process of its own: started, found and stopped."""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from otelkit._cli.receiver_note import ReceiverNote, noted_receiver, read_note, stores_in
from otelkit._cli.receiver_settings import (
    make_store_folder,
    receiver_mistakes,
    receiver_settings,
    store_folder,
)
from otelkit._cli.take_in_spool import take_in_spool
from otelkit._folder import PRIVATE_FILE
from otelkit.embedded.client import ReceiverInfo, probe
from otelkit.embedded.service import Service
from otelkit.embedded.store import default_path
from otelkit.errors import OtelkitError, ReceiverError

_log = logging.getLogger("otelkit.receiver")

_LOG_NAME: Final = "receiver.log"
_LOG_BYTES: Final = 1024 * 1024
# Telemetry of the receiver itself would be stored, which would make telemetry.
_UNTRACED: Final = {"OTEL_SDK_DISABLED": "true"}
# glibc: give large buffers back when they are freed. Takes a tenth off the peak with 60 senders at once (160 -> 147 MB).
_FRUGAL: Final = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "131072"}
_START_S: Final = 30.0
_STOP_S: Final = 10.0
_SPOOL_S: Final = 5.0
"""How often the spool is looked into."""
_POLL_S: Final = 0.05


def describe(receiver: ReceiverInfo, *, already: bool, as_json: bool) -> str:
    """Return what to print of a receiver that listens."""
    if as_json:
        said: dict[str, Any] = {
            "endpoint": receiver.endpoint,
            "http_port": receiver.http_port,
            "grpc_port": receiver.grpc_port,
            "pid": receiver.pid,
            "store": str(receiver.store),
            "version": receiver.version,
            "already": already,
        }
        return json.dumps(said)
    state = "runs already" if already else "listens"
    grpc = f", gRPC on port {receiver.grpc_port}" if receiver.grpc_port else ""
    return (
        f"the receiver {state} on {receiver.endpoint}{grpc} (pid {receiver.pid})\n"
        f"store: {receiver.store}\n"
        "next: opentelemetry-instrument python app.py, then `otelkit top`; `otelkit down` stops it"
    )


def start_in_background(say: Callable[[str], None]) -> tuple[ReceiverInfo, bool]:
    """Start a receiver for this folder; return it, and whether it ran already.

    Args:
        say: Tells the user what is wrong with a setting, in one line.

    Raises:
        ReceiverError: It did not start; the message has its own words.
        StoreError: The folder can't be made.
    """
    settings = receiver_settings()
    folder = store_folder(settings)
    token = settings.text("receiver_token") or None
    for mistake in receiver_mistakes(settings):
        say(mistake)
    make_store_folder(folder)
    running = _running(token)
    if running is not None:
        return running, True
    ready, told = os.pipe()
    log_path = folder / _LOG_NAME
    _keep_short(log_path)
    env = {**_FRUGAL, **os.environ, **_UNTRACED}
    try:
        with open(log_path, "ab", opener=_open_private) as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "otelkit._cli.main", "up", "--foreground", "--ready-fd", str(told)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=env,
                pass_fds=[told],
                # Its own session: closing this terminal, or Ctrl-C in it, does not end it.
                start_new_session=True,
            )
    except OSError as error:
        raise ReceiverError(f"The receiver could not be started ({error}). Its log would be {log_path}.") from error
    finally:
        os.close(told)
    word = _read_word(ready, _START_S)
    # Not waited for: it outlives us, on purpose.
    process.returncode = 0
    return _started(word, folder, token, log_path)


def _started(word: str, folder: Path, token: str | None, log_path: Path) -> tuple[ReceiverInfo, bool]:
    try:
        said = json.loads(word)
    except ValueError:
        raise ReceiverError(
            f"The receiver did not start within {_START_S:g} s, or ended early. {log_path} says more."
        ) from None
    receiver = noted_receiver(folder, token)
    if "error" in said:
        if receiver is not None:
            # Somebody else started one for this folder at the same moment.
            return receiver, True
        raise ReceiverError(said["error"])
    if receiver is None:
        raise ReceiverError(f"The receiver listened and is gone again. {log_path} says why.")
    return receiver, False


def serve(*, as_json: bool, ready_fd: int | None) -> int:
    """Receive until SIGTERM, SIGINT or SIGHUP; store what was accepted, then return 0.

    Args:
        as_json: Print one line of JSON when it listens.
        ready_fd: Where to write that line, or why there is none; None: standard output.

    Raises:
        ReceiverError: It can't listen.
        StoreError: The store can't be opened.
    """
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO, stream=sys.stderr)
    # h11's complaints about bytes that are no HTTP are the sender's affair.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    settings = receiver_settings()
    folder = store_folder(settings)
    token = settings.text("receiver_token") or None
    for mistake in receiver_mistakes(settings):
        _log.warning(mistake)
    try:
        make_store_folder(folder)
        running = _running(token) if ready_fd is None else None
        if running is not None:
            raise ReceiverError(
                f"A receiver for this folder runs already on {running.endpoint} (pid {running.pid}). "
                "Use it, or stop it with `otelkit down`."
            )
        service = Service.start(settings, folder / default_path(settings).name)
    except OtelkitError as error:
        _tell(ready_fd, {"error": str(error)})
        raise
    note = ReceiverNote(os.getpid(), service.host, service.http_port, service.grpc_port, "up")
    note.write(folder)
    _log.info("receiving on %s, gRPC port %s, store %s", service.endpoint, service.grpc_port, service.store_path)
    receiver = ReceiverInfo(
        service.host, service.http_port, service.grpc_port, "", os.getpid(), service.store_path, service.counts()
    )
    if ready_fd is not None:
        _tell(ready_fd, {"pid": os.getpid()})
    else:
        print(describe(receiver, already=False, as_json=as_json), flush=True)
    stop_spool = threading.Event()
    spool = threading.Thread(
        target=_watch_spool, args=(folder / "spool", service, stop_spool), name="otelkit-spool", daemon=True
    )
    spool.start()
    ended.wait()
    stop_spool.set()
    clean = service.stop(_STOP_S)
    note.remove(folder)
    _log.info(
        "stopped; %s", "all that was accepted is stored" if clean else "some requests were not stored nor acknowledged"
    )
    return 0 if clean else 1


def _watch_spool(spool: Path, service: Service, stop: threading.Event) -> None:
    """Take in what is there, and what programs put there later because we did not answer them in time."""
    said = False
    while True:
        try:
            stored = take_in_spool(spool, service.submit, stop)
        except Exception:  # noqa: BLE001 - see below
            # Without this thread nothing would be taken in until the next start.
            if not said:
                said = True
                _log.exception("the spool %s could not be taken in; it is tried again every %g s", spool, _SPOOL_S)
        else:
            said = False
            if stored:
                _log.info("took in %d spans, points and log records from %s", stored, spool)
        if stop.wait(_SPOOL_S):
            return


def stop_receiver(timeout_s: float) -> int | None:
    """Stop the receiver of this folder and return its process id; None if none runs.

    Raises:
        ReceiverError: It belongs to a run, or does not stop in time.
    """
    settings = receiver_settings()
    folder = store_folder(settings)
    token = settings.text("receiver_token") or None
    note = read_note(folder)
    running = noted_receiver(folder, token)
    if running is None:
        if note is not None and _is_receiver(note.pid):
            # It does not answer, but it is there: stopped like any other.
            return _end(note.pid, timeout_s)
        return None
    if note is not None and note.kind == "run":
        raise ReceiverError(
            f"The receiver on {running.endpoint} belongs to `otelkit run` (pid {running.pid}) and ends with it. "
            "Let the run end, or interrupt it."
        )
    return _end(running.pid, timeout_s)


def _running(token: str | None) -> ReceiverInfo | None:
    settings = receiver_settings()
    folder = store_folder(settings)
    noted = noted_receiver(folder, token)
    if noted is not None:
        return noted
    port = settings.whole("receiver_http_port")
    found = probe(settings.text("receiver_host"), port, token=token) if port else None
    return found if isinstance(found, ReceiverInfo) and stores_in(found, folder) else None


def _end(pid: int, timeout_s: float) -> int:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout_s
    while _is_receiver(pid):
        if time.monotonic() > deadline:
            raise ReceiverError(
                f"The receiver (pid {pid}) did not stop within {timeout_s:g} s; it may be storing what it has accepted. "
                f"Try again, or end it with `kill -9 {pid}`: what was acknowledged is stored."
            )
        time.sleep(_POLL_S)
    return pid


def _is_receiver(pid: int) -> bool:
    """Return whether a process is a receiver: ids are given out again, and the note may be old."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    with suppress(OSError):
        if stat.read_text(errors="replace").rpartition(")")[2].split()[0] == "Z":
            return False
    with suppress(OSError):
        return b"otelkit" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return True


def _read_word(descriptor: int, timeout_s: float) -> str:
    """Return what comes through a pipe until its other end is closed."""
    deadline = time.monotonic() + timeout_s
    word = b""
    try:
        while select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
            chunk = os.read(descriptor, 65_536)
            if not chunk:
                break
            word += chunk
    finally:
        os.close(descriptor)
    return word.decode(errors="replace")


def _tell(descriptor: int | None, word: dict[str, Any]) -> None:
    if descriptor is not None:
        with suppress(OSError):
            os.write(descriptor, json.dumps(word).encode())
            os.close(descriptor)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, PRIVATE_FILE)


def _keep_short(log_path: Path) -> None:
    """Set a long log aside, so that at most two of a mebibyte each are kept."""
    with suppress(OSError):
        if log_path.stat().st_size > _LOG_BYTES:
            log_path.replace(log_path.with_name(_LOG_NAME + ".1"))
