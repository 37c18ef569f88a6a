"""The one line that says where telemetry went instead."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final, TextIO

from otelkit._guard import in_forked_child
from otelkit.delivery.cleaned import without_secrets

ENDED: Final = "the program ended"
"""The cause where nothing is wrong with the endpoint: there was no time left."""


class Notice:
    """Writes one line to stderr, once, when telemetry can't be delivered; later failures are counted, not told.

    Only the process that made it writes; forked children are silent.

    Args:
        folder: The spool, as people should read it; None: there is none, what fails is lost.
        stream: Where the line goes; None: ``sys.stderr`` of the moment.
        silent: Write nothing, because another process of the same tree does.
    """

    def __init__(self, folder: Path | None, *, stream: TextIO | None = None, silent: bool = False) -> None:
        self._folder = folder
        self._stream = stream
        self._said = silent
        in_forked_child(self._in_child)

    def unreachable(self, target: str, cause: str | None, *, spooled: bool) -> None:
        """Say that telemetry can't be delivered. Never raises.

        Args:
            target: URL of the endpoint, or the exporter's name.
            cause: Why, in a few words and without secrets (`cleaned`). None: nothing listens there.
            spooled: Whether it is kept in the spool rather than lost.
        """
        if self._said:
            return
        self._said = True
        place = without_secrets(target)
        # One line, whatever an exporter has to say.
        why = " ".join((cause or "").split())[:200].rstrip(".")
        if cause is None:
            what = f"nothing listens on {place}"
        elif cause == ENDED:
            what = f"the program ended before {place} had taken everything"
        else:
            what = f"{place} does not take telemetry ({why})"
        if spooled and cause == ENDED and self._folder is not None:
            fate = f"the rest is kept in {self._shown()}, from where whoever listens next takes it in"
        elif spooled and self._folder is not None:
            # True of every process, whether it goes on or is about to end, and whichever exporter it has.
            fate = (
                f"telemetry is kept in {self._shown()} until this program can send it, "
                "or the next `otelkit up` or `otelkit run` takes it in"
            )
        else:
            fate = "telemetry is lost until that changes"
        try:
            stream = self._stream or sys.stderr
            stream.write(f"otelkit: {what}; {fate}\n")
            stream.flush()
        except (AttributeError, OSError, ValueError):
            # stderr is None, closed or gone: then nobody reads it.
            pass

    def _shown(self) -> str:
        folder = str(self._folder)
        try:
            relative = os.path.relpath(folder)
        except (OSError, ValueError):
            return folder
        return folder if relative.startswith(os.pardir) else relative

    def _in_child(self) -> None:
        self._said = True
