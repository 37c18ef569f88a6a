"""What a check or the doctor finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otelkit.model.blueprint import Blueprint


class Severity(Enum):
    """How bad a finding is. Only ``ERROR`` makes `otelkit doctor` exit with 1."""

    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be (or worth knowing), and what to do about it."""

    id: str
    """Stable, dotted, lower case: ``endpoint.unreachable``."""
    severity: Severity
    what: str
    """What was found."""
    why: str
    """Why it matters."""
    fix: str
    """What to do."""


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A liveness or readiness check that a plugin offers."""

    name: str
    run: Callable[[Blueprint], Iterable[Finding]]
    """Gets what is, or would be, installed; returns findings, none if healthy. Bounded in time by itself, at most 5 s."""
