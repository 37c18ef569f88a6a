"""What a sampler would have kept of a run that was kept whole."""

from __future__ import annotations

import io
import random

import pytest
from rich.console import Console

from otelkit._builtin.setting_list import SETTINGS
from otelkit._cli.foresight import Foresight, foresee, is_kept_whole
from otelkit._cli.summary import print_summary
from otelkit.model.views import TraceEnd
from otelkit.settings import Settings, resolve
from tests.cli.view_samples import ENDED
from tests.sampling.binomial import bounds

PREFIX = "OTEL_PYTHON_OTELKIT_"
SAID = Foresight(20_000, 2_204, {"normal": (1_992, 19_788), "error": (200, 200), "rare": (12, 12)})


def settings(**given: str) -> Settings:
    return resolve(SETTINGS, env={PREFIX + name.upper(): value for name, value in given.items()})


def ends(count: int, *, failing_every: int = 100, slow_every: int = 50) -> list[TraceEnd]:
    """Return traces of 1 ms, ten per second."""
    rng = random.Random(1)
    return [
        TraceEnd(
            f"{rng.getrandbits(128):032x}",
            "parse",
            number % failing_every == 3,
            50_000_000 if number % slow_every == 7 else 1_000_000,
            number * 100_000_000,
            2,
        )
        for number in range(count)
    ]


def test_all_errors_and_slow_ones_and_a_tenth_of_the_rest_would_have_been_kept() -> None:
    """Of 10,000 traces, with an error probability of 1e-6 for the tenth."""
    seen = foresee(ends(10_000, slow_every=200), settings())
    assert seen is not None
    kept, others = seen.by_class["normal"]
    lowest, highest = bounds(others, 0.1)

    assert seen.by_class["error"] == (100, 100)
    # Slow is what is beyond what at least the first hundred were like.
    assert seen.by_class["slow"] == (49, 49)
    assert lowest <= kept <= highest
    assert seen.traces == 10_000


def test_it_goes_by_the_settings_of_the_sampler() -> None:
    """A budget per window, and a constant for what is slow."""
    seen = foresee(ends(1_000), settings(sampling_budget_per_window="5", sampling_normal_ratio="1"))
    slow = foresee(ends(1_000), settings(sampling_slow_threshold_s="0.02"))

    # 100 s are ten windows; the last one is ended early.
    assert seen is not None
    assert seen.kept == 50
    assert slow is not None
    assert slow.by_class["slow"] == (20, 20)


def test_of_a_hundred_traces_it_begins_to_be_worth_a_word() -> None:
    """Who has 99 keeps them."""
    assert foresee(ends(99), settings()) is None
    assert foresee(ends(100), settings()) is not None


@pytest.mark.parametrize(
    ("env", "whole"),
    [
        ({}, True),
        ({"OTEL_TRACES_SAMPLER": ""}, True),
        ({"OTEL_TRACES_SAMPLER": "always_on"}, False),
        ({f"{PREFIX}SAMPLER": "otelkit_ratio"}, False),
        ({"TRACE_SAMPLE_RATE": "0.5"}, False),
        ({f"{PREFIX}SAMPLING_SLOW_QUANTILE": "0.9"}, True),
    ],
)
def test_it_is_said_only_where_nobody_has_chosen_a_sampler(env: dict[str, str], whole: bool) -> None:
    """By OpenTelemetry's variable, by our setting, or by a rate."""
    assert is_kept_whole(env, resolve(SETTINGS, env=env)) is whole


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_summary_says_it_in_one_sentence(width: int) -> None:
    """How many of how many, and of which class; it fits any width."""
    stream = io.StringIO()
    print_summary(ENDED, Console(file=stream, width=width, _environ={}), SAID)
    lines = stream.getvalue().splitlines()
    said = " ".join(" ".join(lines[next(n for n, line in enumerate(lines) if line.startswith("sampling")) :]).split())

    assert all(len(line) <= width for line in lines)
    assert said.startswith(
        "sampling otelkit_tail would have kept 2,204 of 20,000 traces (11.0%): 200 failed, 12 rare, 1,992 others"
    )


def test_as_json_it_has_the_numbers() -> None:
    """By class, kept and all."""
    assert SAID.as_json() == {
        "sampler": "otelkit_tail",
        "traces": 20_000,
        "kept": 2_204,
        "by_class": {
            "normal": {"kept": 1_992, "traces": 19_788},
            "error": {"kept": 200, "traces": 200},
            "rare": {"kept": 12, "traces": 12},
        },
    }
