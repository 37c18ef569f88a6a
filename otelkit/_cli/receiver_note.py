"""The note that a receiver leaves beside its store, so that other commands find it on whatever port it got."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

from otelkit.embedded.client import ReceiverInfo, probe

_NAME: Final = "receiver.json"


@dataclass(frozen=True, slots=True)
class ReceiverNote:
    """Who receives for a folder. May be stale: only an answer of the receiver itself proves that it is there."""

    pid: int
    host: str
    http_port: int
    grpc_port: int | None
    kind: Literal["up", "run"]
    """``up``: lives until `otelkit down`. ``run``: lives as long as the `otelkit run` that it belongs to."""

    def write(self, folder: Path) -> None:
        """Leave the note, replacing another. A folder that can't be written leaves none: the port may be found anyway."""
        new = folder / f"{_NAME}.{os.getpid()}"
        with suppress(OSError):
            new.write_text(json.dumps(asdict(self)), encoding="utf-8")
            new.replace(folder / _NAME)

    def remove(self, folder: Path) -> None:
        """Take the note away, if it is still this one."""
        if read_note(folder) == self:
            with suppress(OSError):
                (folder / _NAME).unlink()


def read_note(folder: Path) -> ReceiverNote | None:
    """Return the note in a folder; None if there is none, or a damaged one."""
    try:
        said = json.loads((folder / _NAME).read_text(encoding="utf-8"))
        return ReceiverNote(
            int(said["pid"]), str(said["host"]), int(said["http_port"]), said["grpc_port"], said["kind"]
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def noted_receiver(folder: Path, token: str | None) -> ReceiverInfo | None:
    """Return the receiver that the note names, if it answers and stores in this folder."""
    note = read_note(folder)
    if note is None:
        return None
    found = probe(note.host, note.http_port, token=token)
    return found if isinstance(found, ReceiverInfo) and stores_in(found, folder) else None


def stores_in(info: ReceiverInfo, folder: Path) -> bool:
    """Return whether a receiver's store is in a folder, by whatever path it is reached."""
    return os.path.realpath(info.store.parent) == os.path.realpath(folder)
