"""otelkit's samplers for the SDK's two entry-point groups.

``opentelemetry_traces_sampler`` calls with ``OTEL_TRACES_SAMPLER_ARG`` as text, or None; ``opentelemetry_sampler`` (the
declarative file) calls with nothing, and the rate then comes from ``OTEL_TRACES_SAMPLER_ARG``.
"""

from __future__ import annotations

import os

from opentelemetry.sdk.trace.sampling import Sampler

from otelkit._builtin.samplers import ratio_from_argument


def otelkit_ratio(argument: str | None = None) -> Sampler:
    """Return the consistent ratio sampler.

    Args:
        argument: The rate from 0 to 1 as text; None: ``OTEL_TRACES_SAMPLER_ARG``, else 1.

    Raises:
        SettingsError: The rate is not a number from 0 to 1.
    """
    if argument is None:
        argument = os.environ.get("OTEL_TRACES_SAMPLER_ARG") or None
    return ratio_from_argument(argument)
