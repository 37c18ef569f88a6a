"""Where in the program's own code an error was raised, as the stack trace on its span tells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from opentelemetry.sdk.trace import Event

from otelkit import names

_FRAME: Final = re.compile(r'^ +File "([^"\n]+)", line (\d+), in (.+)$', re.MULTILINE)
_LONGEST: Final = 300
"""Characters of a frame; the end is kept."""
_OURS: Final = str(Path(__file__).parents[1]) + "/"
_NOT_OWN: Final = ("/site-packages/", "/dist-packages/", "<frozen ")
_LIBRARY: Final = str(Path(re.__file__).parents[1]) + "/"


def error_frame(events: Sequence[Event] | None) -> str | None:
    """Return the innermost frame of the program's own code in the last exception told, as ``path:line function``.

    The standard library, installed packages and otelkit are not its own; where no frame is, the innermost one is returned.
    None: no event tells a stack trace.
    """
    for event in reversed(events or ()):
        told = event.attributes.get(names.EXCEPTION_STACKTRACE) if event.attributes else None
        if isinstance(told, str):
            frames = _FRAME.findall(told)
            if frames:
                path, line, function = next((frame for frame in reversed(frames) if _is_own(frame[0])), frames[-1])
                return f"{path}:{line} {function}"[-_LONGEST:]
    return None


def _is_own(path: str) -> bool:
    return not (path.startswith((_LIBRARY, _OURS)) or any(part in path for part in _NOT_OWN))
