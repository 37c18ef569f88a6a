"""Who may talk to the receiver: programs of this machine that call it by a local name, and bearers of the token."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final

from starlette.datastructures import Headers

from otelkit.embedded import tally
from otelkit.embedded.answers import Code, status_json
from otelkit.embedded.tally import Tally

Scope = MutableMapping[str, Any]  # Any: as ASGI defines it
Message = MutableMapping[str, Any]  # Any: as ASGI defines it
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN_PATH: Final = "/healthz"
"""Answers without a token, so that a supervisor needs none; it tells nothing but that the receiver lives."""


def is_loopback(host: str) -> bool:
    """Return whether a host name or address can only be reached from this machine."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Gate:
    """Refuses a request before anything of it is read.

    On the loopback the Host header must name the loopback: a web page whose own name was re-bound to 127.0.0.1 sends its
    own name there. If there is a token, it is asked for everywhere: other users of this machine reach the loopback too.

    Args:
        inner: The application behind the gate.
        host: Address the receiver listens on.
        token: Bearer token that senders must show; None: none is asked for, and beyond the loopback nobody is served.
        counts: Where refusals are counted.
    """

    def __init__(self, inner: Application, *, host: str, token: str | None, counts: Tally) -> None:
        self._inner = inner
        self._local = is_loopback(host)
        self._token = token
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        if self._local:
            host = headers.get("host", "")
            if not is_loopback(_name_of(host)):
                self._counts.refused(tally.WRONG_HOST)
                message = (
                    f"The Host header is {host[:100]!r}; this receiver answers only to localhost, 127.0.0.1 and [::1]. "
                    "Send to one of these names."
                )
                await _refuse(send, 403, Code.PERMISSION_DENIED, message)
                return
        asked = self._token is not None or not self._local
        if asked and scope["path"] != OPEN_PATH and not self._bears_token(headers):
            self._counts.refused(tally.UNAUTHORIZED)
            message = (
                "This receiver needs its token. Set OTEL_EXPORTER_OTLP_HEADERS to 'authorization=Bearer%20<token>' "
                "where the sender runs."
            )
            await _refuse(send, 401, Code.UNAUTHENTICATED, message, {"www-authenticate": 'Bearer realm="otelkit"'})
            return
        await self._inner(scope, receive, send)

    def _bears_token(self, headers: Headers) -> bool:
        return bears(headers.get("authorization", ""), self._token)


def bears(authorization: str, token: str | None) -> bool:
    """Return whether an Authorization value shows the token; never true without one."""
    kind, _, shown = authorization.partition(" ")
    if not token or kind.lower() != "bearer":
        return False
    return hmac.compare_digest(shown.strip().encode("utf-8", "replace"), token.encode())


def _name_of(host_header: str) -> str:
    """Return a Host header without its port."""
    if host_header.startswith("["):
        return host_header.partition("]")[0] + "]"
    return host_header.rpartition(":")[0] if ":" in host_header else host_header


async def _refuse(send: Send, code: int, reason: Code, message: str, more: Mapping[str, str] | None = None) -> None:
    body = status_json(reason, message)
    headers = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "server": "otelkit",
        **(more or {}),
    }
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": code, "headers": raw})
    await send({"type": "http.response.body", "body": body})
