"""Make the samplers whose rates are given: one for all traces, or one for each rule."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from otelkit.errors import SettingsError
from otelkit.sampling.ratio import OtelkitRatio
from otelkit.sampling.rules import Rule, parse_rate, parse_rules
from otelkit.sampling.rules_sampler import OtelkitRules
from otelkit.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.sampling import Sampler

_log = logging.getLogger("otelkit.settings")

ARGUMENT: Final = "OTEL_TRACES_SAMPLER_ARG"
_RATIO: Final = "sampling_normal_ratio"


def ratio_from(argument: str | None, settings: Settings) -> Sampler:
    """Return the consistent ratio sampler.

    Args:
        argument: ``OTEL_TRACES_SAMPLER_ARG``: the rate; without it ``sampling_normal_ratio`` if somebody has set that, else 1.
        settings: In force.

    Raises:
        SettingsError: The argument is no rate.
    """
    return OtelkitRatio(_rate(argument, settings, "otelkit_ratio"))


def rules_from(argument: str | None, settings: Settings) -> Sampler:
    """Return the sampler that goes by the setting ``sampling_rules``.

    Without rules a share that somebody has set is that of all traces, with a warning.

    Args:
        argument: ``OTEL_TRACES_SAMPLER_ARG``: the rate of what no rule matches; without it as for `ratio_from`.
        settings: In force.

    Raises:
        SettingsError: The argument is no rate, rules are wrong, or there is neither; all mistakes at once.
    """
    mistakes: list[str] = []
    rules: tuple[Rule, ...] = ()
    otherwise = 1.0
    try:
        otherwise = _rate(argument, settings, "otelkit_rules")
    except SettingsError as error:
        mistakes += error.mistakes
    texts = settings.items_of("sampling_rules")
    only_a_share = not texts and (_RATIO in settings.given or bool(argument and argument.strip()))
    if not only_a_share:
        try:
            rules = parse_rules(texts, settings.sources["sampling_rules"])
        except SettingsError as error:
            mistakes += error.mistakes
    if mistakes:
        raise SettingsError(mistakes, setting="sampling_rules")
    if only_a_share:
        _log.warning(
            "sampling_rules is empty, with the sampler otelkit_rules; expected at least one rule, like 'stage=health* -> 0'. "
            "Of all traces the share %g is kept, as of those that no rule matches. otelkit_ratio does the same.", otherwise,
        )  # fmt: skip
    return OtelkitRules(rules, otherwise)


def _rate(argument: str | None, settings: Settings, sampler: str) -> float:
    if argument is None or not argument.strip():
        return settings.number(_RATIO) if _RATIO in settings.given else 1.0
    try:
        return parse_rate(argument)
    except (ValueError, OverflowError):
        raise SettingsError(
            f"{ARGUMENT} is {argument!r}, with the sampler {sampler}; expected a number from 0 to 1, or a fraction like 1/20. "
            "Use 1 to keep every trace.",
            setting=ARGUMENT,
        ) from None
