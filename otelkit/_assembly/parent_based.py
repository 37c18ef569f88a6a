"""The samplers that a parent-based one is made of."""

from __future__ import annotations

from opentelemetry.sdk.trace.sampling import ParentBased, Sampler


def parts_of(sampler: object) -> tuple[Sampler, ...]:
    """Return what the SDK's `ParentBased` asks, the one for roots among them; empty for any other sampler."""
    if type(sampler) is not ParentBased:
        return ()
    # They have no public names.
    return tuple(part for part in vars(sampler).values() if isinstance(part, Sampler))
