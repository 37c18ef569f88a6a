"""What may be said about a run from outside of its telemetry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

RUN_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,200}")
"""What a run's id may look like: it becomes part of a path."""

STATES: Final = frozenset({"running", "ok", "failed", "interrupted", "ended"})

_KINDS: Final[Mapping[str, type]] = {
    "name": str,
    "state": str,
    "exit_code": int,
    "started_ns": int,
    "ended_ns": int,
    "command": str,
}


def run_facts(said: object) -> dict[str, Any]:
    """Return the facts as keywords for ``Store.set_run``.

    Args:
        said: An object with any of ``name``, ``state``, ``exit_code``, ``started_ns``, ``ended_ns`` (Unix epoch) and
            ``command``; null values count as absent.

    Raises:
        ValueError: It is something else. The message names every mistake.
    """
    if not isinstance(said, Mapping):
        raise ValueError(f"expected an object with facts of a run, got {type(said).__name__}")
    facts: dict[str, Any] = {}
    mistakes: list[str] = []
    for key, value in said.items():
        kind = _KINDS.get(key)
        if kind is None:
            mistakes.append(f"{key!r} is no fact of a run")
        elif value is None:
            continue
        elif not isinstance(value, kind) or isinstance(value, bool):
            mistakes.append(f"{key} is {type(value).__name__}, expected {kind.__name__}")
        elif key == "state" and value not in STATES:
            mistakes.append(f"state is {value!r}, expected one of {', '.join(sorted(STATES))}")
        else:
            facts[key] = value
    if mistakes:
        raise ValueError("; ".join(mistakes))
    return facts
