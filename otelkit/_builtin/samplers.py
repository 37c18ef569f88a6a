"""The head samplers that otelkit brings, selectable in ``OTEL_TRACES_SAMPLER``."""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry.sdk.trace.sampling import Sampler

from otelkit.errors import SettingsError
from otelkit.model.blueprint import SamplerFactory
from otelkit.plugin import hookimpl
from otelkit.sampling.ratio import OtelkitRatio


def ratio_from_argument(argument: str | None) -> Sampler:
    """Return the consistent ratio sampler for ``OTEL_TRACES_SAMPLER_ARG``; every trace is kept if that is unset or empty.

    Raises:
        SettingsError: The argument is not a number from 0 to 1.
    """
    if argument is None or not argument.strip():
        return OtelkitRatio(1.0)
    try:
        return OtelkitRatio(float(argument))
    except ValueError:
        raise SettingsError(
            f"OTEL_TRACES_SAMPLER_ARG is {argument!r}, with the sampler otelkit_ratio; expected a number from 0 to 1. "
            "Use 1 to keep every trace.",
            setting="OTEL_TRACES_SAMPLER_ARG",
        ) from None


@hookimpl
def otelkit_samplers() -> Mapping[str, SamplerFactory]:
    return {"otelkit_ratio": ratio_from_argument}
