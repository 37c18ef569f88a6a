"""Write down what really ran, past otelkit and past any exit: one line of JSON per stage call, appended to a file."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from typing import Any

from opentelemetry import trace

_log = logging.getLogger("steps")

Ids = tuple[str, str]
"""Trace id and span id, hexadecimal; empty where there is no span."""


def here() -> Ids:
    """Return the ids of the current span, as the public API has them."""
    found = trace.get_current_span().get_span_context()
    return (f"{found.trace_id:032x}", f"{found.span_id:016x}") if found.is_valid else ("", "")


def note(stage: str, parent: Ids, *, links: list[Ids] | None = None, **result: Any) -> None:
    """Write down the call that runs here, and log one line from inside it.

    Args:
        stage: Its name.
        parent: The span that it works for, as whoever gave it the work knows it.
        links: The spans of the items that it works on.
        result: How it is about to end: ``outcome`` (ok, error, cancelled, killed), ``error``, ``ok``, ``failed``, ``skipped``.
    """
    trace_id, span_id = here()
    fact = {"stage": stage, "pid": os.getpid(), "trace": trace_id, "span": span_id, "parent": parent, **result}
    if links is not None:
        fact["links"] = links
    _append(fact)
    _log.warning("working %s", span_id)


def note_end(**result: Any) -> None:
    """Write down how the call that runs here ends, where that is known only now."""
    _append({"span": here()[1], **result})


def _append(fact: dict[str, Any]) -> None:
    line = json.dumps(fact).encode() + b"\n"
    # Opened anew each time: nothing is held back that a killed process would lose, nothing is shared between processes.
    descriptor = os.open(os.environ["TRUTH"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line)
    finally:
        with contextlib.suppress(OSError):
            os.close(descriptor)
