"""Which id generator ``OTEL_PYTHON_ID_GENERATOR`` asks for."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator

from otelkit._assembly.environment import find_entry_point, known_names
from otelkit.settings.nearest import hint

_log = logging.getLogger("otelkit.settings")

_GROUP: Final = "opentelemetry_id_generator"


def choose_id_generator(env: Mapping[str, str]) -> IdGenerator:
    """Return the id generator asked for; on any mistake the random one with one clear message."""
    name = env.get("OTEL_PYTHON_ID_GENERATOR", "").strip() or "random"
    if name == "random":
        return RandomIdGenerator()
    entry = find_entry_point(_GROUP, name)
    try:
        generator = entry.load()() if entry is not None else None
        if isinstance(generator, IdGenerator):
            return generator
        reason = "it is not installed" if entry is None else "it does not make an IdGenerator"
    except Exception as error:  # noqa: BLE001 - a stranger's class may raise anything
        reason = f"{type(error).__name__}: {error}"
    _log.error(
        "OTEL_PYTHON_ID_GENERATOR asks for %r: %s. %s Random ids are used until it is corrected.",
        name, reason, hint(name, ["random", *known_names(_GROUP)]),
    )  # fmt: skip
    return RandomIdGenerator()
