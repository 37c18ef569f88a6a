"""Samplers that remember what they have learnt beyond the program's end."""

from __future__ import annotations

import logging

from opentelemetry.sdk.trace.sampling import Sampler

from otelkit._assembly.sampling_figures import figure_sources
from otelkit.model.sampling import LearningSampler

_log = logging.getLogger("otelkit.sampling")


def have_remembered(sampler: object) -> None:
    """Let a sampler, and those that it is made of, write down what they have learnt, each once. Never raises."""
    # One that wraps another has the other's `close`.
    closes = {
        id(getattr(part.close, "__self__", part)): part.close
        for part in figure_sources(sampler)
        # A step that a sampler brings has a `close` of another kind.
        if isinstance(part, Sampler) and isinstance(part, LearningSampler)
    }
    for close in closes.values():
        try:
            close()
        except Exception as error:  # noqa: BLE001 - a stranger's sampler may raise anything
            _log.error("a sampler failed to end: %s: %s; what it has learnt may be lost", type(error).__name__, error)
