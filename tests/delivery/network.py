"""Servers on the loopback that misbehave, over real sockets."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def server(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """Accept connections and ``behave`` on each, in a thread of its own; yield the URL."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    connections: list[socket.socket] = []

    def one(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            behave(connection)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connections.append(connection)
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        # Without `shutdown` the accepting thread would stay in its call and keep the port.
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        # First, so that a connection which it has just accepted is closed with the others.
        acceptor.join(10)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


def read_request(connection: socket.socket) -> bytes:
    """Read one HTTP request whole and return its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            return b""
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    while len(body) < length:
        body += connection.recv(65536)
    return body


def silent(connection: socket.socket) -> None:
    """Read everything and never answer."""
    while connection.recv(65536):
        pass


def dripping(connection: socket.socket) -> None:
    """Answer one byte at a time, forever: each byte comes within any read timeout."""
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X")
        threading.Event().wait(0.05)


def dying(connection: socket.socket) -> None:
    """Hang up in the middle of the request."""
    connection.recv(10)
    connection.close()


def answering(*statuses: int, headers: str = "") -> Callable[[socket.socket], None]:
    """Answer each request with the next status; the last one stays."""
    left = list(statuses)

    def behave(connection: socket.socket) -> None:
        while read_request(connection):
            status = left.pop(0) if len(left) > 1 else left[0]
            connection.sendall(f"HTTP/1.1 {status} Status\r\n{headers}Content-Length: 0\r\n\r\n".encode())

    return behave


def refused() -> str:
    """Return a URL on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"
