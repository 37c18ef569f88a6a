"""The receiver as a whole: HTTP, gRPC if it can be had, and the store behind them, in background threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from otelkit.embedded.http_gate import is_loopback
from otelkit.embedded.http_server import HttpServer
from otelkit.embedded.in_flight import InFlight
from otelkit.embedded.intake import Accepted, Intake, StoreWriter
from otelkit.embedded.ports import listen
from otelkit.embedded.receiver import Receiver
from otelkit.embedded.store import Store
from otelkit.embedded.tally import Tally
from otelkit.embedded.wire import decode
from otelkit.embedded.wire_json import to_protobuf
from otelkit.errors import ReceiverError
from otelkit.model.signals import Signal

_DAY_S = 86_400.0
_STOP_LIMIT_S = 10.0


class ReceiverSettings(Protocol):
    """What the service reads of `otelkit.settings.Settings` (a floor it does not import)."""

    def text(self, name: str) -> str: ...
    def whole(self, name: str) -> int: ...
    def number(self, name: str) -> float: ...


class _Stoppable(Protocol):
    @property
    def port(self) -> int: ...
    def stop(self, timeout_s: float) -> None: ...


class Service:
    """A receiver that listens. Made by `start`, ended by `stop`."""

    def __init__(self, intake: Intake, counts: Tally, store_path: Path, host: str) -> None:
        self.store_path = store_path
        self.host = host
        self.http_port = 0
        self.grpc_port: int | None = None
        """None without the extra ``grpc``, or when it was not asked for."""
        self._intake = intake
        self._counts = counts
        self._http: HttpServer | None = None
        self._grpc: _Stoppable | None = None

    @classmethod
    def start(
        cls,
        settings: ReceiverSettings,
        store_path: Path,
        *,
        http_port: int | None = None,
        grpc_port: int | None = None,
        with_grpc: bool = True,
        open_store: Callable[[], StoreWriter] | None = None,
    ) -> Service:
        """Open the store, listen, and return.

        Args:
            settings: ``receiver_*`` and ``store_*``.
            store_path: File of the store.
            http_port: Instead of the setting; 0 takes a free one.
            grpc_port: Instead of the setting; 0 takes a free one.
            with_grpc: Whether gRPC is served too, if grpcio can be imported.
            open_store: Instead of opening ``store_path``; called on the thread that will use the store.

        Raises:
            ReceiverError: A port can't be listened on; it is named, and who holds it where that can be found.
            StoreError: The store can't be opened.
        """
        host = settings.text("receiver_host")
        token = settings.text("receiver_token") or None
        if not is_loopback(host) and not token:
            raise ReceiverError(
                f"receiver_host is {host}, which other machines can reach; that needs a token. "
                "Set receiver_token, or leave receiver_host at 127.0.0.1."
            )
        limit = settings.whole("receiver_max_body_bytes")
        # The port first: whoever comes second must not touch the store of the first.
        listener = listen(
            host, settings.whole("receiver_http_port") if http_port is None else http_port, "receiver_http_port"
        )
        counts = Tally()
        try:
            intake = Intake(
                open_store or (lambda: _open_store(settings, store_path)),
                decode,
                InFlight(settings.whole("receiver_queue_bytes")),
                counts,
            )
        except BaseException:
            listener.close()
            raise
        service = cls(intake, counts, store_path, host)
        service.http_port = listener.getsockname()[1]
        receiver = Receiver(
            intake, counts, to_protobuf, max_body_bytes=limit, store_path=store_path, ports=service._ports
        )
        try:
            if with_grpc and find_spec("grpc") is not None:
                # Imported only where it is installed and wanted: it takes 10 MB and a tenth of a second.
                from otelkit.embedded.grpc_receiver import GrpcReceiver

                port = settings.whole("receiver_grpc_port") if grpc_port is None else grpc_port
                service._grpc = GrpcReceiver(intake, counts, host=host, port=port, token=token, max_body_bytes=limit)
                service.grpc_port = service._grpc.port
            service._http = HttpServer(
                receiver.application(host=host, token=token), listener, stop_limit_s=_STOP_LIMIT_S
            )
        except BaseException:
            listener.close()
            service.stop(1.0)
            raise
        return service

    @property
    def endpoint(self) -> str:
        """The URL that senders of this machine use."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://[{host}]:{self.http_port}" if ":" in host else f"http://{host}:{self.http_port}"

    @property
    def alive(self) -> bool:
        """Whether it serves."""
        return self._http is not None and self._http.alive

    def counts(self) -> Mapping[str, Any]:
        """Return what was taken and refused so far, as `Tally.snapshot` does."""
        return self._counts.snapshot()

    def submit(self, signal: Signal, body: bytes) -> Future[Accepted]:
        """Store a protobuf request of this process, as `Intake.submit` does."""
        return self._intake.submit(signal, body)

    def set_run(self, run_id: str, **facts: Any) -> None:  # Any: see `run_facts`
        """Store facts of a run; returns when they are committed.

        Raises:
            StoreError: They can't be stored.
            ReceiverError: The receiver is stopping.
        """
        self._intake.call(lambda store: store.set_run(run_id, **facts)).result()

    def stop(self, timeout_s: float) -> bool:
        """Refuse new requests, answer those under way, store everything that was accepted, close the store.

        Returns:
            Whether all of that was done within ``timeout_s``. What was not stored was not acknowledged either.
        """
        deadline = time.monotonic() + timeout_s
        clean = True
        if self._http is not None:
            clean = self._http.stop(timeout_s)
        if self._grpc is not None:
            self._grpc.stop(max(0.0, deadline - time.monotonic()))
        return self._intake.close(max(0.1, deadline - time.monotonic())) and clean

    def _ports(self) -> Mapping[str, int | None]:
        return {"http_port": self.http_port, "grpc_port": self.grpc_port}


def _open_store(settings: ReceiverSettings, path: Path) -> Store:
    return Store.open(
        path,
        max_bytes=settings.whole("store_max_bytes"),
        max_age_s=settings.number("store_max_age_days") * _DAY_S,
    )
