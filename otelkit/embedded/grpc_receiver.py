"""OTLP over gRPC, for senders that speak nothing else. Needs the extra ``grpc``."""

from __future__ import annotations

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import grpc

from otelkit.embedded import answers, tally
from otelkit.embedded.answers import Code
from otelkit.embedded.http_gate import bears
from otelkit.embedded.intake import Intake
from otelkit.embedded.ports import cannot_listen
from otelkit.embedded.quiet import untraced
from otelkit.embedded.refusals import Refusal, refusal_of
from otelkit.embedded.tally import Tally
from otelkit.errors import ReceiverError
from otelkit.model.signals import Signal

_METHODS: Final[dict[str, Signal]] = {
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export": "traces",
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export": "metrics",
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export": "logs",
}
_WORKERS: Final = 8
"""Requests handled at a time; each waits for its commit."""
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}

Context = Any  # Any: grpcio has no types
_Export = Callable[[bytes, Context], bytes]


class GrpcReceiver:
    """The gRPC side of the receiver; listens when made.

    Args:
        intake: Where accepted requests go.
        counts: Where refusals are counted.
        host: Address to listen on.
        port: 0 takes a free one; `port` tells which.
        token: Bearer token that senders must show; None: none is asked for, which only a loopback address allows.
        max_body_bytes: Largest request, after decompression; gRPC itself refuses a larger one while it reads it.

    Raises:
        ReceiverError: It can't listen there.
    """

    def __init__(
        self, intake: Intake, counts: Tally, *, host: str, port: int, token: str | None, max_body_bytes: int
    ) -> None:
        self._intake = intake
        self._counts = counts
        self._token = token
        self._server = grpc.server(
            ThreadPoolExecutor(_WORKERS, "otelkit-grpc", initializer=_enter_untraced),
            # Requests that wait for a worker are held whole: beyond these, gRPC itself answers RESOURCE_EXHAUSTED.
            maximum_concurrent_rpcs=4 * _WORKERS,
            handlers=[_Handlers({path: self._handler(signal) for path, signal in _METHODS.items()})],
            options=[
                ("grpc.max_receive_message_length", max_body_bytes),
                # Otherwise two receivers would share a port without noticing, each getting half of the telemetry.
                ("grpc.so_reuseport", 0),
            ],
        )
        address = f"[{host.strip('[]')}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            self.port: int = self._server.add_insecure_port(address)
        except RuntimeError as error:
            self._server.stop(None)
            # grpcio says in a text only why it failed; the one cause that users meet is a taken port.
            raise cannot_listen(host, port, "receiver_grpc_port", _as_os_error(host, port, error)) from error
        self._server.start()

    def stop(self, timeout_s: float) -> None:
        """Take no new requests and answer those under way, for at most ``timeout_s``."""
        self._server.stop(timeout_s).wait(timeout_s)

    def _handler(self, signal: Signal) -> Any:  # Any: grpcio has no types
        def export(body: bytes, context: Context) -> bytes:
            return self._export(signal, body, context)

        # Without serializers gRPC hands over and takes bytes.
        return grpc.unary_unary_rpc_method_handler(export)

    def _export(self, signal: Signal, body: bytes, context: Context) -> bytes:
        if self._token is not None:
            metadata = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
            if not bears(metadata.get("authorization", ""), self._token):
                message = "This receiver needs its token, as the metadata 'authorization: Bearer <token>'."
                self._refuse(Refusal(401, Code.UNAUTHENTICATED, tally.UNAUTHORIZED, message), context)
        try:
            accepted = self._intake.submit(signal, body).result()
        except Exception as error:
            self._refuse(refusal_of(error), context)
            raise AssertionError("abort raises") from error
        return answers.export_response(accepted.rejected, accepted.reason)

    def _refuse(self, refusal: Refusal, context: Context) -> None:
        self._counts.refused(refusal.reason)
        if refusal.retry_after_s is not None:
            # The specification's place for the delay, and the one in which Python's own exporter looks.
            details = answers.status_with_retry(refusal.code, refusal.message, refusal.retry_after_s)
            context.set_trailing_metadata(
                (
                    ("grpc-status-details-bin", details),
                    ("google.rpc.retryinfo-bin", answers.retry_info(refusal.retry_after_s)),
                )
            )
        context.abort(_CODES[refusal.code], refusal.message)


class _Handlers(grpc.GenericRpcHandler):  # type: ignore[misc] # grpcio has no types
    def __init__(self, methods: dict[str, Any]) -> None:
        self._methods = methods

    def service(self, details: Any) -> Any:  # Any: grpcio has no types
        return self._methods.get(details.method)


def _enter_untraced() -> None:
    # For the life of the worker thread: there is no place to leave it.
    untraced().__enter__()


def _as_os_error(host: str, port: int, error: RuntimeError) -> OSError:
    """Return why the port can't be taken, by trying it ourselves."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((host.strip("[]"), port))
            probe.listen(1)
        except OSError as cause:
            return cause
    return ReceiverError(str(error))
