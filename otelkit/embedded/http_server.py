"""uvicorn in a background thread, on a socket that listens already."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from otelkit.embedded.http_gate import Application
from otelkit.embedded.quiet import untraced

_KEEP_ALIVE_S: Final = 75
"""Longer than any exporter pauses: closing an idle connection just as a sender uses it costs that sender a retry."""

_READ_BYTES: Final = 64 * 1024
"""Read at a time from one connection. asyncio's own 256 KiB, times 150 senders, are bytes that nobody counts."""

_TURNS: Final = 10
"""Turns of the loop that asyncio needs, at most, from accepting a connection to handing it over; three in Python 3.11."""


class HttpServer:
    """Serves an application until it is stopped.

    Args:
        application: Built on the server's thread, so that its locks belong to the server's loop.
        listener: Listens already; closed when the server stops.
        stop_limit_s: Longest time that requests under way are waited for when stopping.
    """

    def __init__(self, application: Application, listener: socket.socket, *, stop_limit_s: float) -> None:
        config = uvicorn.Config(
            application,
            loop="asyncio",
            http=_Protocol,
            ws="none",
            lifespan="off",
            # How the process logs is its own affair: the receiver may live in somebody else's.
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=max(1, round(stop_limit_s)),
        )
        self._server = _Server(config)
        self._listener = listener
        self._thread = threading.Thread(target=self._run, name="otelkit-http", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether it serves."""
        return self._thread.is_alive()

    def stop(self, timeout_s: float) -> bool:
        """Take no new requests, answer those under way; False if that took longer than ``timeout_s``."""
        self._server.ask_to_stop()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        with untraced():
            self._server.run(sockets=[self._listener])


class _Protocol(H11Protocol):
    """HTTP over a connection that is read in small steps."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
        # Undeclared, and without effect where asyncio should no longer look at it.
        transport.max_size = _READ_BYTES  # type: ignore[attr-defined]  # see above
        super().connection_made(transport)


class _Server(uvicorn.Server):
    """Sleeps until it is asked to stop, where uvicorn's own loop wakes up ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._lock = threading.Lock()
        self._wake: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    async def main_loop(self) -> None:
        event = asyncio.Event()
        with self._lock:
            self._wake = asyncio.get_running_loop(), event
        await self.on_tick(0)
        if not self.should_exit:
            await event.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the listener, then everything that was accepted; nobody is left waiting for an answer."""
        loop = asyncio.get_running_loop()
        # First accept nothing more, and close the listener only when what was accepted is a connection that uvicorn knows,
        # some turns of the loop later: of a closed server asyncio makes no connection, and forgets the socket without closing
        # it. Its sender would wait for the garbage collector.
        for server in self.servers:
            for listener in server.sockets:
                loop.remove_reader(listener.fileno())
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        await super().shutdown(sockets)

    def ask_to_stop(self) -> None:
        """Stop, from any thread."""
        with self._lock:
            self.should_exit = True
            wake = self._wake
        if wake is not None and not wake[0].is_closed():
            wake[0].call_soon_threadsafe(wake[1].set)

    def handle_exit(self, sig: int, frame: Any) -> None:  # Any: as uvicorn declares it
        """Leave signals to the process: uvicorn would only see them on the main thread."""
