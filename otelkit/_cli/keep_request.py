"""Asking the programs of a folder for what their rings hold, and waiting for what they say."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from otelkit._cli.receiver_settings import make_store_folder
from otelkit.errors import StoreError
from otelkit.sampling.ring_requests import Answer, answers, ask, withdraw

_LOOK_S: Final = 0.05
_OTHERS_S: Final = 1.2
"""Programs look for requests about once a second: when one has answered, others may follow for so long."""


def ask_and_wait(
    folder: Path,
    timeout_s: float,
    *,
    now: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> list[Answer]:
    """Return the answers of the programs that run in ``folder``; none if nobody has answered in time.

    Args:
        folder: Their ``store_dir``.
        timeout_s: How long to wait for the first answer.
        now: Returns seconds.
        pause: Waits for so many of them.

    Raises:
        StoreError: The request can't be written.
    """
    make_store_folder(folder)
    began_s = now()
    try:
        request = ask(folder)
    except OSError as error:
        raise StoreError(
            f"the request could not be written to {folder} ({error.strerror}); expected a folder that this user may write. "
            "Change its permissions, or name the program's own folder in the setting store_dir.",
            path=folder,
        ) from error
    until_s = began_s + timeout_s
    found = answers(folder, request)
    while now() < until_s:
        pause(_LOOK_S)
        before, found = found, answers(folder, request)
        if found and not before:
            until_s = max(now(), began_s + _OTHERS_S)
    withdraw(folder, request)
    return found
