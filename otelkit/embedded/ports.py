"""Take a port, or say who holds it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from otelkit.errors import ReceiverError

_LISTENING: Final = "0A"
_BACKLOG: Final = 512


class PortTakenError(ReceiverError):
    """Somebody else listens there. ``port`` and, where it can be found, ``holder`` name them."""

    def __init__(self, message: str, *, port: int, holder: Holder | None) -> None:
        self.port = port
        self.holder = holder
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that listens on a port."""

    pid: int
    command: str
    """Its command line, shortened."""

    def __str__(self) -> str:
        return f"{self.command} (pid {self.pid})"


def listen(host: str, port: int, setting: str) -> socket.socket:
    """Return a socket that listens.

    Args:
        host: A name or address; the first address it resolves to is taken.
        port: 0 takes a free one.
        setting: Name of the setting that the port comes from, for the error.

    Raises:
        PortTakenError: Somebody else listens there.
        ReceiverError: The address can't be used.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ReceiverError(
            f"The receiver can't listen on {host} ({error.strerror}). "
            "Correct the setting receiver_host; 127.0.0.1 is the default."
        ) from error
    try:
        # Otherwise a receiver that was just stopped would block its own port for a minute.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise cannot_listen(host, port, setting, error) from error
    return listener


def cannot_listen(host: str, port: int, setting: str, error: OSError) -> ReceiverError:
    """Return the error for a port that can't be listened on, naming who holds it."""
    if error.errno is not None and os.strerror(error.errno) == "Address already in use":
        holder = holder_of(port)
        who = str(holder) if holder else "another program"
        return PortTakenError(
            f"Port {port} on {host} is taken by {who}. Stop it, or choose another port with the setting {setting} "
            "(0 takes a free one).",
            port=port,
            holder=holder,
        )
    return ReceiverError(
        f"The receiver can't listen on {host} port {port} ({error.strerror or error}). "
        f"Choose another port with the setting {setting} (0 takes a free one)."
    )


def holder_of(port: int) -> Holder | None:
    """Return the process that listens on a TCP port; None if it can't be found (another user's, or no ``/proc`` here)."""
    inodes = set(_listening_inodes(port))
    if not inodes:
        return None
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # gone meanwhile, or another user's
            for descriptor in (process / "fd").iterdir():
                with suppress(OSError):
                    if str(descriptor.readlink()) in inodes:
                        return Holder(int(process.name), _command_of(process))
    return None


def _listening_inodes(port: int) -> Iterator[str]:
    """Yield the sockets that listen on a port, as links under ``/proc/<pid>/fd`` spell them."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            # proc(5): number, local address:port in hex, remote one, state, …, inode as the tenth field.
            fields = line.split()
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                yield f"socket:[{fields[9]}]"


def _command_of(process: Path) -> str:
    words = (process / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    text = " ".join(word.decode(errors="replace") for word in words)
    return text if len(text) <= 80 else text[:79] + "…"
