"""Plan as the program would, for commands that show the plan and what is wrong with it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from otelkit.model.blueprint import Blueprint


def planned() -> Blueprint:
    """Return what would be installed in a program started here.

    Says nothing on stderr: what went wrong is in the blueprint, and these commands show it.
    """
    # Here: it takes the SDK with it, which `--help` of these commands does not need.
    from otelkit._assembly.plan import plan

    with _silence("otelkit.plugin"):
        return plan().blueprint


@contextmanager
def _silence(logger_name: str) -> Iterator[None]:
    logger = logging.getLogger(logger_name)
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before
