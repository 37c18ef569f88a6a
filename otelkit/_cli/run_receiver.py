"""The receiver that a run uses: one that listens already, or one of its own in this process."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from otelkit._cli.child_environment import Destination
from otelkit._cli.receiver_note import ReceiverNote, noted_receiver, stores_in
from otelkit.embedded.client import ReceiverInfo, probe, register_run, send
from otelkit.embedded.ports import PortTakenError
from otelkit.embedded.service import Service
from otelkit.embedded.store import default_path
from otelkit.errors import OtelkitError, ReceiverError, StoreLockedError
from otelkit.model.signals import Signal
from otelkit.settings import Settings

_WATCH_S: Final = 0.5
_START_S: Final = 5.0
"""So long another receiver of this folder may take from locking the store to answering."""
_PAUSE_S: Final = 0.05


class RunReceiver:
    """A receiver for as long as a run needs it.

    One that belongs to somebody else may end before the run does: another `otelkit run` of this folder, `otelkit down`,
    `kill -9`. Then this process takes over on the same port, and the program notices at most a pause.

    Args:
        settings: ``receiver_*`` and ``store_*``.
        folder: Of the store.
        grpc: Whether the program speaks gRPC.
        say: Tells the user something in one line.
        borrow: A receiver that the program will use anyway, whatever its store.

    Raises:
        ReceiverError: There is none and none can be started.
        StoreError: The store can't be opened.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        *,
        grpc: bool,
        say: Callable[[str], None],
        borrow: ReceiverInfo | None = None,
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._grpc = grpc
        self._say = say
        self._token = settings.text("receiver_token") or None
        self._store_path = folder / default_path(settings).name
        self._lock = threading.RLock()
        self._own: Service | None = None
        self._note: ReceiverNote | None = None
        self._borrowed: ReceiverInfo | None = None
        self._closing = threading.Event()
        self._watcher: threading.Thread | None = None
        if borrow is not None:
            self._borrow(borrow)
        else:
            self._acquire()

    @property
    def store_path(self) -> Path:
        """File of the store that telemetry goes to."""
        return self._store_path

    @property
    def destination(self) -> Destination:
        """Where the program sends to."""
        with self._lock:
            there = self._own or self._borrowed
            assert there is not None
            host = there.endpoint.rpartition(":")[0]
            grpc = f"{host}:{there.grpc_port}" if there.grpc_port else None
            return Destination(there.endpoint, grpc, self._token)

    @property
    def own(self) -> bool:
        """Whether this process receives."""
        return self._own is not None

    def stores_in(self, folder: Path) -> bool:
        """Return whether the store is in a folder, by whatever path it is reached."""
        return os.path.realpath(self._store_path.parent) == os.path.realpath(folder)

    def submit(self, signal: Signal, body: bytes) -> Future[Any]:
        """Start to store a protobuf request, as `take_in_spool` asks for it."""
        with self._lock:
            own, borrowed = self._own, self._borrowed
        if own is not None:
            return own.submit(signal, body)
        assert borrowed is not None
        send(borrowed, signal, body, token=self._token)
        done: Future[Any] = Future()
        done.set_result(None)
        return done

    def set_run(self, run_id: str, **facts: Any) -> None:  # Any: see `embedded.run_facts`
        """Store facts of the run.

        Raises:
            OtelkitError: They can't be stored.
        """
        with self._lock:
            own, borrowed = self._own, self._borrowed
        if own is not None:
            own.set_run(run_id, **facts)
        elif borrowed is not None:
            register_run(borrowed, run_id, token=self._token, **facts)

    def ensure(self) -> None:
        """Return when a receiver answers, this process's own if need be.

        Raises:
            ReceiverError: None does within 5 s.
        """
        give_up = time.monotonic() + _START_S
        while not self._answers():
            if time.monotonic() > give_up:
                raise ReceiverError(
                    f"The receiver on {self.destination.http} is gone and can't be replaced. "
                    "What is in the spool is taken in by the next `otelkit run`."
                )
            time.sleep(_PAUSE_S)

    def close(self, timeout_s: float) -> bool:
        """Store what was accepted and stop receiving; a borrowed receiver goes on. False if that took too long."""
        self._closing.set()
        if self._watcher is not None:
            self._watcher.join(timeout_s)
        with self._lock:
            if self._note is not None:
                self._note.remove(self._folder)
            return self._own.stop(timeout_s) if self._own is not None else True

    def _acquire(self) -> None:
        give_up = time.monotonic() + _START_S
        while True:
            try:
                self._find_or_start()
                return
            except StoreLockedError:
                # Somebody has just begun to receive for this folder and does not answer yet.
                if time.monotonic() > give_up:
                    raise
                time.sleep(_PAUSE_S)

    def _find_or_start(self) -> None:
        noted = noted_receiver(self._folder, self._token)
        if noted is not None:
            self._borrow(noted)
            return
        host, port = self._settings.text("receiver_host"), self._settings.whole("receiver_http_port")
        found = probe(host, port, token=self._token) if port else None
        if isinstance(found, ReceiverInfo) and stores_in(found, self._folder):
            self._borrow(found)
            return
        if found is not None:
            self._start_elsewhere(found, port)
            return
        try:
            self._start(port)
        except PortTakenError as error:
            self._start_elsewhere(error.holder or "another program", error.port)

    def _start_elsewhere(self, who: object, port: int) -> None:
        if isinstance(who, ReceiverInfo):
            why = f"the receiver on port {port} stores in {who.store.parent}"
        else:
            why = f"port {port} is taken by {who}"
        self._start(0)
        assert self._own is not None
        self._say(f"{why}; this run is received on port {self._own.http_port}")

    def _start(self, port: int) -> None:
        """Receive in this process; ``port`` 0 takes free ones."""
        own = Service.start(
            self._settings,
            self._store_path,
            http_port=port,
            grpc_port=0 if not port else None,
            # Nobody else knows of this receiver: no other sender could want gRPC.
            with_grpc=self._grpc,
        )
        note = ReceiverNote(os.getpid(), own.host, own.http_port, own.grpc_port, "run")
        note.write(self._folder)
        with self._lock:
            self._own, self._note, self._borrowed = own, note, None

    def _borrow(self, info: ReceiverInfo) -> None:
        with self._lock:
            self._borrowed = info
            self._store_path = info.store
        if self._watcher is None:
            self._watcher = threading.Thread(target=self._watch, name="otelkit-receiver", daemon=True)
            self._watcher.start()

    def _watch(self) -> None:
        while not self._closing.wait(_WATCH_S) and self._own is None:
            self._answers()

    def _answers(self) -> bool:
        """Return whether there is a receiver; take over if the borrowed one is gone."""
        with self._lock:
            info = self._borrowed
            if self._own is not None or info is None:
                return True
            if probe(info.host, info.http_port, token=self._token) is None:
                # Another run may be quicker, or the store not closed yet: looked at again in a moment.
                with suppress(OtelkitError):
                    self._start(info.http_port)
                return self._own is not None
            return True
