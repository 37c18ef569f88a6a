"""Which run this process, and the code that runs now, belongs to."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Final

from opentelemetry.context import Context, create_key, get_current

RUN_KEY: Final = create_key("otelkit-run")
"""Where a context holds its run."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """One execution of a pipeline."""

    id: str
    name: str
    pipeline: str


class _ProcessRun:
    """The run that the whole process belongs to, as whoever started it said."""

    def __init__(self) -> None:
        self.id: str | None = None
        self.name: str | None = None
        self.adopted = False


PROCESS: Final = _ProcessRun()


def set_process_run(run_id: str | None, name: str | None) -> None:
    """Say which run this process belongs to; None: to none. The first ``otelkit.run`` block takes the id over."""
    PROCESS.id = run_id
    PROCESS.name = name
    PROCESS.adopted = False


def run_of(context: Context | None = None) -> RunFacts | None:
    """Return the ``otelkit.run`` block that surrounds ``context`` (None: the current one), if any."""
    run = (get_current() if context is None else context).get(RUN_KEY)
    return run if isinstance(run, RunFacts) else None


def current_run_id(context: Context | None = None) -> str | None:
    """Return the id of the surrounding run, else that of the process."""
    run = run_of(context)
    return run.id if run is not None else PROCESS.id


def current_run_name(context: Context | None = None) -> str | None:
    """Return the name of the surrounding run, else that of the process."""
    run = run_of(context)
    return run.name if run is not None else PROCESS.name


def take_run_id() -> str:
    """Return the id for a run that begins: the process's own for the first one, if it has one, else a new one."""
    if PROCESS.id is not None and not PROCESS.adopted:
        PROCESS.adopted = True
        return PROCESS.id
    return uuid.uuid4().hex
