"""What our own loggers warn of, said as the command line says everything else."""

from __future__ import annotations

import logging
from collections.abc import Callable


def say_what_is_logged(say: Callable[[str], None]) -> None:
    """Hand warnings and errors of otelkit's loggers to ``say``, one text each; a program's terminal is no log file."""
    log = logging.getLogger("otelkit")
    log.propagate = False
    log.addHandler(_Saying(say))
    # Bytes that are no HTTP are their sender's affair.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)


class _Saying(logging.Handler):
    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        self._say(record.getMessage())
