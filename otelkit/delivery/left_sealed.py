"""What processes have left sealed when they were killed, taken in: it becomes ordinary requests of the spool."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from otelkit.delivery.file_lock import lock
from otelkit.delivery.sealed_file import SUFFIX, UNFINISHED, began_at
from otelkit.delivery.sealed_record import Sealed, damage, what_is_left
from otelkit.delivery.segment import head
from otelkit.delivery.segment_file import store
from otelkit.model.signals import Signal

_log = logging.getLogger("otelkit.delivery")

_REQUEST_BYTES: Final = 1024 * 1024
"""Requests are joined up to this size, as everywhere."""
_UNFINISHED_FOR_S: Final = 5.0
"""How long a file that is being begun may be without a lock."""


def take_in(folder: Path, begun_before_ns: int | None = None) -> list[tuple[Signal, int, Path]]:
    """Turn what ended processes have left sealed in ``folder`` into requests of the spool.

    A process that still lives keeps what it has. Of several who take in at once each file is one's. If the one at it is killed,
    the next one begins that file anew, so that what was in it may be there twice.

    Args:
        folder: The spool.
        begun_before_ns: Leave files that were begun since then, in `time.time_ns` nanoseconds; None: take all.

    Returns:
        Signal, destination and file of each new request, in their order.
    """
    found: list[tuple[Signal, int, Path]] = []
    sealed, unfinished = _listed(folder)
    for path in unfinished:
        _delete_if_abandoned(path)
    for path in sealed:
        if begun_before_ns is not None and path.name >= began_at(begun_before_ns):
            continue
        file = lock(path)
        if file is None:
            continue
        try:
            with open(file, "rb", closefd=False) as stream:
                data = stream.read()
            stored = _stored(folder, what_is_left(data))
            try:
                _take_away(path, damage(data))
            except OSError:
                # What stays is taken in again, so what was stored of it must not.
                _delete(stored)
                raise
            found += stored
        except OSError as error:
            _log.warning("what %s holds can't be taken in now: %s; it stays", path, error.strerror or error)
        finally:
            os.close(file)
    return found


def _listed(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the sealed files in the folder, and those that were only begun."""
    names: list[str] = []
    with suppress(OSError), os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.name.endswith((SUFFIX, UNFINISHED)))
    return (
        [folder / name for name in names if name.endswith(SUFFIX)],
        [folder / name for name in names if name.endswith(UNFINISHED)],
    )


def _delete_if_abandoned(path: Path) -> None:
    """Delete what a killed process has begun: what is in it is in the file that it would have replaced, or not sealed yet."""
    with suppress(OSError):
        if time.time() - path.stat().st_mtime < _UNFINISHED_FOR_S:
            return
        file = lock(path)
        if file is not None:
            path.unlink()
            os.close(file)


def _stored(folder: Path, left: Iterable[Sealed]) -> list[tuple[Signal, int, Path]]:
    stored: list[tuple[Signal, int, Path]] = []
    try:
        for each in _joined(left):
            stored.append((each.signal, each.destination, store(folder, _segment(each), forced=False)))
    except OSError:
        # The next one begins anew.
        _delete(stored)
        raise
    return stored


def _take_away(path: Path, why: str | None) -> None:
    """Delete a file that was taken in; set it aside if not all of it could be read, as the spool does with requests."""
    if why is None:
        path.unlink()
        return
    aside = path.with_name(path.name + ".damaged")
    path.rename(aside)
    _log.warning("what a process has left sealed %s and was set aside as %s; telemetry in it is lost", why, aside)


def _delete(stored: Iterable[tuple[Signal, int, Path]]) -> None:
    for _, _, path in stored:
        with suppress(OSError):
            path.unlink()


def _segment(sealed: Sealed) -> tuple[bytes, bytes]:
    return head(sealed.signal, sealed.count, sealed.body, sealed.destination), sealed.body


def _joined(left: Iterable[Sealed]) -> Iterator[Sealed]:
    """Yield requests of one signal and destination as one, in order, up to `_REQUEST_BYTES`."""
    lines: dict[tuple[Signal, int], list[Sealed]] = {}
    sizes: dict[tuple[Signal, int], int] = {}
    for each in left:
        key = each.signal, each.destination
        size = sizes.get(key, 0) + len(each.body)
        if size > _REQUEST_BYTES and key in lines:
            yield _one_of(lines.pop(key))
            size = len(each.body)
        lines.setdefault(key, []).append(each)
        sizes[key] = size
    for line in lines.values():
        yield _one_of(line)


def _one_of(line: list[Sealed]) -> Sealed:
    # A request is a repeated field, so requests join by concatenation.
    return Sealed(
        line[0].signal, line[0].destination, sum(one.count for one in line), b"".join(one.body for one in line)
    )
