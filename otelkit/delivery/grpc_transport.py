"""OTLP over gRPC; needs the extra ``grpc``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import grpc

from otelkit._version import __version__
from otelkit.delivery.answer_body import partial_success, retry_delay, retry_delay_of_status
from otelkit.delivery.cleaned import cleaned
from otelkit.delivery.credentials import provided
from otelkit.delivery.otlp_settings import OtlpSettings
from otelkit.delivery.transport import Answer, Contact, Later, Never, Taken
from otelkit.model.signals import Signal

_METHODS: Final[dict[Signal, str]] = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}
_STATUS_DETAILS: Final = "grpc-status-details-bin"
# Where the stock exporter looks; some servers send it on its own.
_RETRY_INFO: Final = "google.rpc.retryinfo-bin"


class GrpcTransport:
    """Sends with `grpc`, one unary call a request.

    Raises:
        OSError: A certificate can't be read.
        LookupError: The credential provider is not installed.
        TypeError: It does not give channel credentials.
    """

    def __init__(self, signal: Signal, settings: OtlpSettings) -> None:
        self._settings = settings
        self._metadata = tuple(settings.headers.items())
        options = (("grpc.primary_user_agent", f"otelkit/{__version__} OTel-OTLP-Exporter-Python"),)
        compression = grpc.Compression.Gzip if settings.compression == "gzip" else grpc.Compression.NoCompression
        target = _target(settings.endpoint)
        if settings.insecure:
            self._channel = grpc.insecure_channel(target, options=options, compression=compression)
        else:
            self._channel = grpc.secure_channel(target, _credentials(settings), options, compression)
        # No serializers: what is sent and answered are bytes already.
        self._export = self._channel.unary_unary(_METHODS[signal])

    def send(self, body: bytes, timeout_s: float) -> Answer:
        """Send one request."""
        try:
            answer = self._export(body, timeout=min(timeout_s, self._settings.timeout_s), metadata=self._metadata)
        except grpc.RpcError as error:
            return self._refusal(error)
        return Taken(*partial_success(answer))

    def close(self) -> None:
        """Close the channel; a call that is under way ends."""
        self._channel.close()

    def _refusal(self, error: Any) -> Answer:  # Any: an RpcError that is a Call too, for which grpc has no type
        codes = grpc.StatusCode
        code, details = error.code(), error.details() or ""
        why = cleaned(f"gRPC {code.name} {details}".rstrip())
        if code is codes.INVALID_ARGUMENT or (code is codes.RESOURCE_EXHAUSTED and "larger than" in details):
            return Never(why)
        contact = Contact.ANSWERED
        if code in (codes.CANCELLED, codes.ABORTED, codes.OUT_OF_RANGE, codes.DATA_LOSS, codes.RESOURCE_EXHAUSTED):
            # Those that OTLP calls retryable.
            contact = Contact.BUSY
        elif code is codes.DEADLINE_EXCEEDED:
            contact = Contact.SILENT
        elif code is codes.UNAVAILABLE:
            # gRPC gives no better clue than its words, which differ between versions; a wrong guess costs a retry.
            contact = (
                Contact.REFUSED if "refused" in details else Contact.BROKEN if "connect" in details else Contact.BUSY
            )
        return Later(why, _asked_for(error.trailing_metadata() or ()), contact)


def _asked_for(metadata: Any) -> float | None:  # Any: pairs of a name and a str or bytes, which grpc gives no type
    found = {name: value for name, value in metadata if isinstance(value, bytes)}
    if _STATUS_DETAILS in found:
        return retry_delay_of_status(found[_STATUS_DETAILS])
    return retry_delay(found[_RETRY_INFO]) if _RETRY_INFO in found else None


def _target(endpoint: str) -> str:
    """Return an endpoint as gRPC wants it: host and port; schemes of gRPC's own (``unix:``, ``dns:``) stay."""
    for scheme in ("http://", "https://"):
        if endpoint.startswith(scheme):
            return endpoint.removeprefix(scheme).partition("/")[0].rpartition("@")[2]
    return endpoint


def _credentials(settings: OtlpSettings) -> Any:  # Any: ChannelCredentials, for which grpc has no type
    if settings.credential_provider is not None:
        made = provided(settings.credential_provider)
        if not isinstance(made, grpc.ChannelCredentials):
            raise TypeError(
                f"the credential provider {settings.credential_provider!r} gave a {type(made).__name__}; "
                "expected grpc.ChannelCredentials"
            )
        return made
    return grpc.ssl_channel_credentials(
        *(
            Path(path).read_bytes() if path else None
            for path in (settings.certificate, settings.client_key, settings.client_certificate)
        )
    )
