"""`otelkit keep` asks the programs that run in a folder for what their rings hold; they answer by files in ``store_dir``.

``keep.request`` holds the request: a new one has another id. ``keep.answer.<request>.<pid>`` is what a process sent for it.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from otelkit._folder import replace_file
from otelkit.model.traces import TraceSummary

_log = logging.getLogger("otelkit.sampling")

_REQUEST: Final = "keep.request"
_ANSWER: Final = "keep.answer."
_MOST_BYTES: Final = 4096
"""Of a request or an answer: what is longer is none of ours."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one process sent for a request."""

    pid: int
    program: str
    """Its first word, for people."""
    traces: int
    spans: int


def ask(folder: Path) -> str:
    """Ask the programs of this folder; return the request's id.

    Raises:
        OSError: The request can't be written.
    """
    for old in folder.glob(f"{_ANSWER}*"):
        with suppress(OSError):
            old.unlink()
    request = secrets.token_hex(8)
    replace_file(folder / _REQUEST, request)
    return request


def answers(folder: Path, request: str) -> list[Answer]:
    """Return the answers so far, by process."""
    found: list[Answer] = []
    for path in folder.glob(f"{_ANSWER}{request}.*"):
        try:
            said = json.loads(_read(path))
            found.append(Answer(int(said["pid"]), str(said["program"]), int(said["traces"]), int(said["spans"])))
        except (OSError, ValueError, KeyError, TypeError):
            # Not ours, or half written: it is whole the next time.
            continue
    return sorted(found, key=lambda answer: answer.pid)


def withdraw(folder: Path, request: str) -> None:
    """Take a request and its answers away, unless somebody has asked anew meanwhile."""
    with suppress(OSError, ValueError):
        if _read(folder / _REQUEST) == request:
            (folder / _REQUEST).unlink()
    for path in folder.glob(f"{_ANSWER}{request}.*"):
        with suppress(OSError):
            path.unlink()


class RequestTrigger:
    """Asks when somebody has put a new request into the folder since we began. Implements `ring_triggers.RingTrigger`.

    To look costs one system call, about once a second.

    Args:
        folder: ``store_dir``, absolute; it need not exist.
    """

    description: Final = "`otelkit keep` asked for it"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._looked_at = self._state()
        self._request = ""

    def joined(self) -> None:
        """Do nothing: there is nothing to begin."""

    def see_failed(self, trace: TraceSummary) -> None:
        """Do nothing: traces do not matter."""

    def asks(self) -> bool:
        """Return whether there is a request that was not answered by this process."""
        state = self._state()
        if state is None or state == self._looked_at:
            return False
        self._looked_at = state
        try:
            request = _read(self._folder / _REQUEST)
        except (OSError, ValueError):
            return False
        # The id becomes part of a file's name: nothing but what we write is taken.
        if len(request) != 16 or not set(request) <= set("0123456789abcdef"):
            return False
        self._request = request
        return True

    def answered(self, traces: int, spans: int) -> None:
        """Tell whoever asked what was sent."""
        answer = Answer(os.getpid(), _program(), traces, spans)
        try:
            replace_file(self._folder / f"{_ANSWER}{self._request}.{answer.pid}", json.dumps(asdict(answer)))
        except OSError as error:
            _log.debug("the request of `otelkit keep` could not be answered: %s", error)

    def in_child(self) -> None:
        """Go on: a child answers for itself what is asked from now on."""
        self._looked_at = self._state()

    def _state(self) -> tuple[int, int] | None:
        """Return what changes with each request; None: there is none."""
        try:
            found = (self._folder / _REQUEST).stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns


def _program() -> str:
    return Path(sys.argv[0]).name if sys.argv and sys.argv[0] else "python"


def _read(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return file.read(_MOST_BYTES)
