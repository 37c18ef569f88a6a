"""One ``otelkit run``, from finding the program to its exit code.

The program comes first: whatever fails here, it is started, left alone, and its exit code is ours.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from otelkit._cli import child_environment
from otelkit._cli.as_json import run_object
from otelkit._cli.can_instrument import why_not
from otelkit._cli.child import Child
from otelkit._cli.child_environment import Destination
from otelkit._cli.find_program import Program, find_program
from otelkit._cli.foresight import MOST_SPANS, MOST_TRACES, Foresight, foresee, is_kept_whole
from otelkit._cli.forward_signals import SignalForwarder, die_of
from otelkit._cli.live_table import follow
from otelkit._cli.look import can_redraw, make_console
from otelkit._cli.program_output import ProgramOutput
from otelkit._cli.receiver_settings import (
    make_store_folder,
    receiver_mistakes,
    receiver_settings,
    store_folder,
    without_told_mistakes,
)
from otelkit._cli.run_receiver import RunReceiver
from otelkit._cli.say_logged import say_what_is_logged
from otelkit._cli.summary import print_summary
from otelkit._cli.take_in_spool import take_in_spool
from otelkit._folder import make_private_folder
from otelkit.embedded.client import ReceiverInfo, probe_url
from otelkit.embedded.store import open_reader
from otelkit.errors import OtelkitError
from otelkit.model.views import RunRow
from otelkit.settings import Settings

_SPOOL_FIRST_S: Final = 2.0
"""So long the program waits for what earlier ones left; the rest is taken in while it runs."""
_STOP_S: Final = 10.0
_INTERRUPTING: Final = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT})


def run_program(
    words: Sequence[str],
    *,
    name: str | None = None,
    live: bool = True,
    as_json: bool = False,
    env: Mapping[str, str] | None = None,
) -> int:
    """Run a program under a receiver and return its exit code.

    Args:
        words: The command, as typed.
        name: Of the run; None: the program's.
        live: Whether to show the live table, if standard error is a terminal.
        as_json: Print the run as a line of JSON on standard output, instead of a summary on standard error.
        env: The environment to start from; None: ours.

    Raises:
        CannotStartError: There is no such program.
    """
    env = dict(os.environ if env is None else env)
    program = find_program(words, env)
    # Before any thread is started: see there.
    forwarder = SignalForwarder()
    session: _Session | None = None
    child: Child | None = None
    try:
        session = _Session(program, env, name=name, live=live, as_json=as_json)
        session.prepare()
        if forwarder.early:
            return 128 + forwarder.early
        child = session.start(forwarder)
        session.watch(child)
    finally:
        forwarder.stop()
        if child is None and session is not None:
            session.close()
    # The program is over: from here on Ctrl-C ends us, and takes nothing from it.
    with suppress(KeyboardInterrupt):
        session.finish(child)
    if child.killed_by == signal.SIGINT and forwarder.typed(signal.SIGINT):
        sys.stdout.flush()
        die_of(signal.SIGINT)
    return child.exit_code


class _Session:
    def __init__(self, program: Program, env: dict[str, str], *, name: str | None, live: bool, as_json: bool) -> None:
        self._program = program
        self._env = env
        self._inside = child_environment.is_inside(env)
        self._live = live and not self._inside
        self._as_json = as_json
        # Closed by whoever started us: then there is nobody to tell anything.
        self._console = make_console(sys.stderr or open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - kept
        self._settings = receiver_settings()
        self._folder = store_folder(self._settings)
        self._run_id = env.get(child_environment.RUN_ID) or secrets.token_hex(8)
        if name:
            env[child_environment.RUN_NAME] = name
        self._run_name = env.get(child_environment.RUN_NAME) or program.name
        self._receiver: RunReceiver | None = None
        self._closed_port: socket.socket | None = None
        self._output: ProgramOutput | None = None
        self._stop_spool = threading.Event()
        self._spool: threading.Thread | None = None

    def start(self, forwarder: SignalForwarder) -> Child:
        """Start the program."""
        if self._receiver is not None and self._live and can_redraw(self._console):
            with suppress(OSError):  # no more pseudo-terminals: then without the table
                self._output = ProgramOutput(self._console)
        child = Child(
            self._program,
            self._env,
            signal_mask=forwarder.mask_before,
            descriptors=self._output.descriptors if self._output is not None else (),
        )
        if self._output is not None:
            self._output.start(child.send)
        forwarder.forward_to(child)
        return child

    def watch(self, child: Child) -> None:
        """Return when the program has ended; show the table meanwhile."""
        output, receiver = self._output, self._receiver
        if output is not None and receiver is not None:
            try:
                follow(
                    lambda: open_reader(receiver.store_path),
                    self._run_id,
                    lambda: child.ended() or output.wants_screen,
                    self._console,
                )
            except Exception as error:  # noqa: BLE001 - the table is ours, the program is not
                self._say(f"the live table failed ({error!r}); the program runs on")
            output.take_over()
        child.wait()

    def finish(self, child: Child) -> None:
        """Say what came of the run."""
        if self._output is not None:
            self._output.finish()
        receiver = self._receiver
        if receiver is None:
            if self._as_json:
                self._print_json(None, child)
            return
        try:
            receiver.ensure()
            self._settle_spool(receiver)
            if not self._inside:
                receiver.set_run(
                    self._run_id, state=_state_of(child), exit_code=child.exit_code, ended_ns=time.time_ns()
                )
            row = self._row(receiver)
            foresight = self._foresee(receiver, row) if row is not None else None
            if self._as_json:
                self._print_json(row, child, foresight)
            elif row is not None and not self._inside:
                print_summary(row, self._console, foresight)
        except BrokenPipeError:
            # Whoever read us is gone; there is nobody left to tell.
            return
        except Exception as error:  # noqa: BLE001 - the program is over, its exit code stands
            self._say(_words(error))
        finally:
            self.close()

    def close(self) -> None:
        """Stop receiving. Repeated calls do nothing."""
        self._stop_spool.set()
        receiver, self._receiver = self._receiver, None
        if receiver is not None and not receiver.close(_STOP_S):
            self._say("some telemetry could not be stored in time; it was not acknowledged either")

    def prepare(self) -> None:
        """Make everything ready that the program needs to be recorded, or say why it won't be."""
        say_what_is_logged(self._say)
        mistakes = list(receiver_mistakes(self._settings))
        for mistake in mistakes:
            self._say(mistake)
        self._env = without_told_mistakes(self._env, mistakes)
        problem = why_not(self._program, self._env)
        if problem is not None:
            self._say(problem)
            return
        elsewhere = child_environment.sends_elsewhere(self._env)
        token = self._settings.text("receiver_token") or None
        borrowed = probe_url(elsewhere, token=token) if elsewhere else None
        if elsewhere and not isinstance(borrowed, ReceiverInfo):
            self._say(f"telemetry goes to {elsewhere}, as the environment says; there is nothing to show here")
            destination = Destination(elsewhere, elsewhere)
        else:
            destination = self._receive(borrowed if isinstance(borrowed, ReceiverInfo) else None)
        self._env = child_environment.instrumented(
            child_environment.sending(
                self._env, destination, run_id=self._run_id, run_name=self._run_name, service_name=self._program.name
            )
        )

    def _receive(self, borrowed: ReceiverInfo | None) -> Destination:
        try:
            make_store_folder(self._folder)
            receiver = RunReceiver(
                self._settings,
                self._folder,
                grpc=child_environment.wants_grpc(self._env),
                say=self._say,
                borrow=borrowed,
            )
            # From here on it has to be closed, whatever happens.
            self._receiver = receiver
            if not self._inside:
                receiver.set_run(
                    self._run_id,
                    name=self._run_name,
                    started_ns=time.time_ns(),
                    command=shlex.join(self._program.words),
                )
        except Exception as error:  # noqa: BLE001 - the program is started, whatever is wrong with us
            self._say(f"{_words(error)}\notelkit: the program runs on; {_fate(self._folder / 'spool', self._settings)}")
            self.close()
            self._closed_port = _closed_port()
            return Destination(f"http://127.0.0.1:{self._closed_port.getsockname()[1]}", None)
        self._spool = threading.Thread(target=self._take_in, args=(receiver,), name="otelkit-spool", daemon=True)
        self._spool.start()
        self._spool.join(_SPOOL_FIRST_S)
        return receiver.destination

    def _take_in(self, receiver: RunReceiver) -> None:
        if not receiver.stores_in(self._folder):
            # The run is part of one elsewhere; what lies here belongs to this folder's store.
            return
        take_in_spool(self._folder / "spool", receiver.submit, self._stop_spool)

    def _settle_spool(self, receiver: RunReceiver) -> None:
        """Take in what is left, and what the program could not send while no receiver answered."""
        if self._spool is not None:
            self._spool.join()
        self._take_in(receiver)

    def _row(self, receiver: RunReceiver) -> RunRow | None:
        reader = open_reader(receiver.store_path)
        try:
            return reader.run(self._run_id)
        finally:
            reader.close()

    def _foresee(self, receiver: RunReceiver, row: RunRow) -> Foresight | None:
        """Return what a sampler would have kept of this run; None where one has decided, or it would take long to say."""
        if row.spans > MOST_SPANS or self._inside or not is_kept_whole(self._env, self._settings):
            return None
        reader = open_reader(receiver.store_path)
        try:
            traces = reader.trace_ends(self._run_id, MOST_TRACES + 1)
            return foresee(traces, self._settings) if len(traces) <= MOST_TRACES else None
        except Exception as error:  # noqa: BLE001 - a remark at the end of the summary: the rest is said all the same
            self._say(f"what otelkit_tail would have kept can't be said ({error!r})")
            return None
        finally:
            reader.close()

    def _print_json(self, row: RunRow | None, child: Child, foresight: Foresight | None = None) -> None:
        said: dict[str, Any] = {
            "id": self._run_id,
            "name": self._run_name,
            "state": _state_of(child),
            "spans": 0,
            "stages": [],
        }
        if row is not None:
            said = run_object(row)
        if foresight is not None:
            said["would_have_kept"] = foresight.as_json()
        said["exit_code"] = child.exit_code
        print(json.dumps(said, default=str), flush=True)

    def _say(self, message: str) -> None:
        # Through the console, which puts it above the table.
        with suppress(OSError, ValueError):
            self._console.print(f"otelkit: {message}", soft_wrap=True)


def _words(error: Exception) -> str:
    return (
        str(error) if isinstance(error, OtelkitError) else f"something in otelkit failed ({error!r}); please report it"
    )


def _fate(spool: Path, settings: Settings) -> str:
    """Return what becomes of telemetry that nobody receives."""
    if not settings.flag("spool"):
        return "its telemetry is lost, because the setting spool is off"
    try:
        make_private_folder(spool.parent)
        spool.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        return f"its telemetry is lost: {spool} can't be written either ({error.strerror})"
    if not os.access(spool, os.W_OK | os.X_OK):
        return f"its telemetry is lost: {spool} can't be written either"
    return f"its telemetry waits in {spool}"


def _state_of(child: Child) -> str:
    if child.killed_by in _INTERRUPTING or child.exit_code in {128 + number for number in _INTERRUPTING}:
        return "interrupted"
    return "ok" if child.exit_code == 0 else "failed"


def _closed_port() -> socket.socket:
    """Return a socket that holds a port on which nobody will ever listen: senders are refused at once, and spool."""
    held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    held.bind(("127.0.0.1", 0))
    return held
