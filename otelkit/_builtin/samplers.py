"""The head samplers that otelkit brings, selectable in ``OTEL_TRACES_SAMPLER``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final

from otelkit.model.blueprint import SamplerFactory
from otelkit.plugin import hookimpl
from otelkit.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.sampling import Sampler

_HERE: Final = "otelkit._builtin"

# Name -> (module:function(argument, settings) -> Sampler, the settings that it reads).
_SAMPLERS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "otelkit_ratio": (f"{_HERE}.rate_samplers:ratio_from", ("sampling_normal_ratio",)),
    "otelkit_rules": (f"{_HERE}.rate_samplers:rules_from", ("sampling_normal_ratio", "sampling_rules")),
    "otelkit_adaptive": (
        f"{_HERE}.adaptive_sampler:adaptive_from",
        (
            "sampling_target_per_s",
            "sampling_window_s",
            "sampling_load_limit",
            "sampling_state_path",
            "sampling_max_keys",
        ),
    ),
    "otelkit_tail": (
        f"{_HERE}.tail_sampler:tail_from",
        (
            "sampling_normal_ratio",
            "sampling_error_ratio",
            "sampling_slow_ratio",
            "sampling_error_budget_per_s",
            "sampling_slow_budget_per_s",
            "sampling_rare_budget_per_s",
            "sampling_normal_budget_per_s",
            "sampling_slow_quantile",
            "sampling_slow_threshold_s",
            "sampling_rare_window_s",
            "sampling_buffer_bytes",
            "sampling_buffer_spans",
            "sampling_buffer_traces",
            "sampling_buffer_age_s",
            "sampling_budget_per_window",
            "sampling_window_s",
            "sampling_retain_s",
            "sampling_keep_on",
            "sampling_keep_signal",
            "sampling_load_limit",
            "sampling_state_path",
            "sampling_max_keys",
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class OwnSampler:
    """Makes a sampler of ours once it is chosen; until then nothing of it is imported."""

    made_by: str
    """``module:function``."""
    reads: tuple[str, ...]
    """The settings that it looks at: one that is set for nothing is named."""
    settings: Settings

    def __call__(self, argument: str | None) -> Sampler:
        """Return the sampler for this ``OTEL_TRACES_SAMPLER_ARG``.

        Raises:
            SettingsError: The argument, or a setting, can't be used; all mistakes at once.
        """
        module, _, function = self.made_by.partition(":")
        sampler: Sampler = getattr(import_module(module), function)(argument, self.settings)
        return sampler


@hookimpl
def otelkit_samplers(settings: Settings) -> Mapping[str, SamplerFactory]:
    return {name: OwnSampler(made_by, reads, settings) for name, (made_by, reads) in _SAMPLERS.items()}
