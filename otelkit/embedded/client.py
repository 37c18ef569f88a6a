"""Talk to a receiver: is one there, is it ours, and tell it about a run."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from otelkit.embedded.ports import Holder, holder_of
from otelkit.errors import ReceiverError
from otelkit.model.signals import Signal

_INFO_PATH: Final = "/v1/otelkit/info"
_MAX_ANSWER_BYTES: Final = 1024 * 1024
_FOR_GOOD: Final = frozenset({400, 413, 415, 422})
"""Statuses that speak of the request itself. Others (a wrong token, another server's 404) may be put right."""


@dataclass(frozen=True, slots=True)
class ReceiverInfo:
    """A receiver of ours that listens."""

    host: str
    http_port: int
    grpc_port: int | None
    version: str
    pid: int
    store: Path
    counts: Mapping[str, Any]
    """As `Tally.snapshot` returns it."""

    @property
    def endpoint(self) -> str:
        """The URL that senders of this machine use."""
        return f"http://[{self.host}]:{self.http_port}" if ":" in self.host else f"http://{self.host}:{self.http_port}"


@dataclass(frozen=True, slots=True)
class ForeignListener:
    """Something listens, and it is not a receiver of ours that lets us in."""

    host: str
    port: int
    holder: Holder | None
    why: str
    """How it was told apart: ``it does not speak HTTP``, ``it wants a token`` …"""

    def __str__(self) -> str:
        return str(self.holder) if self.holder else "another program"


class BusyReceiverError(ReceiverError):
    """The receiver asks to come again in ``retry_after_s`` seconds."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


def probe(
    host: str, port: int, *, token: str | None = None, timeout_s: float = 1.0
) -> ReceiverInfo | ForeignListener | None:
    """Return who listens on a port; None if nobody does.

    Args:
        host: Where to look; an address that means "all" (``0.0.0.0``) is looked for on the loopback.
        port: OTLP over HTTP.
        token: Shown to the receiver, if there is one.
        timeout_s: Longest wait, for the connection and for the whole answer.
    """
    host = reachable(host)
    connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    try:
        connection.connect()
    except OSError:
        return None
    # A timeout of the socket begins anew with each byte that comes.
    giving_up = threading.Timer(timeout_s, _hang_up, (connection.sock,))
    giving_up.daemon = True
    giving_up.start()
    try:
        connection.request("GET", _INFO_PATH, headers=_headers(token))
        response = connection.getresponse()
        body = response.read(_MAX_ANSWER_BYTES)
        return _told(host, port, response, body)
    except (OSError, http.client.HTTPException) as error:
        return ForeignListener(host, port, holder_of(port), f"it does not answer as a receiver does ({error!r})")
    finally:
        giving_up.cancel()
        connection.close()


def probe_url(url: str, *, token: str | None = None) -> ReceiverInfo | ForeignListener | None:
    """Return who listens at an endpoint; None if nobody does, or if it is no ``http`` URL."""
    parts = urlsplit(url)
    try:
        if parts.scheme != "http" or not parts.hostname:
            return None
        return probe(parts.hostname, parts.port or 80, token=token)
    except ValueError:  # a port that is no number
        return None


def register_run(info: ReceiverInfo, run_id: str, *, token: str | None = None, **facts: Any) -> None:
    """Tell a receiver facts of a run (see `run_facts`).

    Raises:
        ReceiverError: It can't be reached or did not store them.
    """
    body = json.dumps(facts).encode()
    _post(info, f"/v1/otelkit/runs/{run_id}", body, "application/json", token)


def send(info: ReceiverInfo, signal: Signal, body: bytes, *, token: str | None = None) -> None:
    """Send a protobuf request; returns when it is stored.

    Raises:
        ValueError: The receiver refuses it for good.
        BusyReceiverError: It asks to come again later.
        ReceiverError: It can't be reached, or does not take it as things are, e.g. because it has another token.
    """
    _post(info, f"/v1/{signal}", body, "application/x-protobuf", token)


def reachable(host: str) -> str:
    """Return an address to connect to, for one that is listened on."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def _hang_up(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _told(host: str, port: int, response: http.client.HTTPResponse, body: bytes) -> ReceiverInfo | ForeignListener:
    if response.status == 401 and response.headers.get("server") == "otelkit":
        return ForeignListener(host, port, holder_of(port), "it is a receiver of otelkit with another token")
    try:
        said = json.loads(body)
        return ReceiverInfo(
            host=host,
            http_port=int(said["http_port"]),
            grpc_port=said["grpc_port"],
            version=str(said["otelkit"]),
            pid=int(said["pid"]),
            store=Path(said["store"]),
            counts=said["counts"],
        )
    except (ValueError, KeyError, TypeError):
        return ForeignListener(host, port, holder_of(port), f"it answered with HTTP status {response.status}")


def _post(info: ReceiverInfo, path: str, body: bytes, content_type: str, token: str | None) -> None:
    connection = http.client.HTTPConnection(info.host, info.http_port, timeout=30.0)
    try:
        connection.request("POST", path, body, {"content-type": content_type, **_headers(token)})
        response = connection.getresponse()
        answer = response.read(_MAX_ANSWER_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise ReceiverError(
            f"The receiver on {info.host} port {info.http_port} (pid {info.pid}) can't be reached: {error}."
        ) from error
    finally:
        connection.close()
    if response.status in (429, 503):
        wait = response.headers.get("retry-after", "1")
        raise BusyReceiverError(_message(answer), float(wait) if wait.isdigit() else 1.0)
    if response.status in _FOR_GOOD:
        raise ValueError(_message(answer))
    if response.status != 200:
        raise ReceiverError(f"The receiver failed with HTTP status {response.status}: {_message(answer)}")


def _message(answer: bytes) -> str:
    try:
        return str(json.loads(answer)["message"])
    except (ValueError, KeyError, TypeError):
        return answer.decode("utf-8", "replace")


def _headers(token: str | None) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"} if token else {}
