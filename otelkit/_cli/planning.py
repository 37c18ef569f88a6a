"""Plan as the program would, for commands that show the plan and what is wrong with it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from otelkit.model.checks import Finding, Severity

if TYPE_CHECKING:
    from otelkit.model.blueprint import Blueprint


def planned() -> Blueprint:
    """Return what would be installed in a program started here.

    Says nothing on stderr: what went wrong is in the blueprint's findings, and these commands show them.
    """
    # Here: it takes the SDK with it, which `--help` of these commands does not need.
    from otelkit._assembly.config_file import VARIABLE, read_config_file
    from otelkit._assembly.config_file_sampler import chosen_where
    from otelkit._assembly.plan import plan

    with (
        _kept_from_stderr("otelkit.plugin"),
        _kept_from_stderr("opentelemetry.configuration"),
        _kept_from_stderr("otelkit.settings") as said,
    ):
        config_file = read_config_file(os.environ)
        blueprint = plan(file=config_file.settings if config_file else None).blueprint
    choice, of_sampler = chosen_where(config_file, blueprint.samplers, os.environ, blueprint.settings)
    findings = [
        Finding(
            "config_file.unusable",
            Severity.ERROR,
            message,
            "What the file describes is not set up.",
            f"Do what it says, or unset {VARIABLE}.",
        )
        for message in said
    ]
    return replace(blueprint, findings=(*blueprint.findings, *findings, *of_sampler), sampler=choice)


class _Listener(logging.Handler):
    """Keeps the text of what is said."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


@contextmanager
def _kept_from_stderr(logger_name: str) -> Iterator[list[str]]:
    """Yield a list that fills with what a logger of ours would have said."""
    logger, listener = logging.getLogger(logger_name), _Listener()
    before = logger.propagate
    logger.propagate = False
    logger.addHandler(listener)
    try:
        yield listener.said
    finally:
        logger.removeHandler(listener)
        logger.propagate = before
