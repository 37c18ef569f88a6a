"""Make `otelkit_adaptive`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Final

from otelkit._builtin.load_readings import load_from
from otelkit.errors import SettingsError
from otelkit.sampling.adaptive import OtelkitAdaptive
from otelkit.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.sampling import Sampler

_ARGUMENT: Final = "OTEL_TRACES_SAMPLER_ARG"
_TARGET: Final = "sampling_target_per_s"


def adaptive_from(argument: str | None, settings: Settings) -> Sampler:
    """Return the sampler that keeps a number of traces per second.

    Args:
        argument: ``OTEL_TRACES_SAMPLER_ARG``: that number; without it ``sampling_target_per_s``.
        settings: In force.

    Raises:
        SettingsError: The argument is no number in the range of ``sampling_target_per_s``.
    """
    path = settings.text("sampling_state_path")
    return OtelkitAdaptive(
        _target(argument, settings),
        max_keys=settings.whole("sampling_max_keys"),
        window_s=settings.number("sampling_window_s"),
        load=load_from(settings, in_loops=True),
        # Absolute: the program may change its working folder.
        state_path=Path(path).absolute() if path else None,
    )


def _target(argument: str | None, settings: Settings) -> float:
    if argument is None or not argument.strip():
        return settings.number(_TARGET)
    declared = settings.declared[_TARGET]
    try:
        target = declared.parse(argument.strip())
    except (ValueError, OverflowError):
        target = None
    if not isinstance(target, float) or not math.isfinite(target):
        raise SettingsError(
            f"{_ARGUMENT} is {argument!r}, with the sampler otelkit_adaptive; expected how many traces to keep per second, "
            f"{declared.expected}. For a share of all traces take otelkit_ratio.",
            setting=_ARGUMENT,
        )
    return target
