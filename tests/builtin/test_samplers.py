"""The samplers offered by name."""

from __future__ import annotations

import pytest

from otelkit._builtin import samplers
from otelkit.errors import SettingsError
from otelkit.sampling.ratio import OtelkitRatio


@pytest.mark.parametrize(("argument", "ratio"), [(None, 1.0), ("", 1.0), ("0.25", 0.25), (" 1 ", 1.0), ("0", 0.0)])
def test_the_argument_is_the_ratio_and_every_trace_is_kept_without_one(argument: str | None, ratio: float) -> None:
    """As `OTEL_TRACES_SAMPLER_ARG` has it."""
    sampler = samplers.otelkit_samplers()["otelkit_ratio"](argument)

    assert isinstance(sampler, OtelkitRatio)
    assert sampler.ratio == ratio


@pytest.mark.parametrize("argument", ["half", "1.5", "-0.1", "nan", "10%"])
def test_a_wrong_argument_is_named_with_what_was_expected(argument: str) -> None:
    """The message names the variable, the value and the range."""
    with pytest.raises(SettingsError, match=r"OTEL_TRACES_SAMPLER_ARG is .*expected a number from 0 to 1") as caught:
        samplers.ratio_from_argument(argument)

    assert caught.value.setting == "OTEL_TRACES_SAMPLER_ARG"
    assert repr(argument) in str(caught.value)
