from __future__ import annotations

from opentelemetry.context import Context

from otelkit import names
from otelkit.model.stage_attributes import LAST_KEYS, first_attributes, last_attributes
from tests.spans.otlp.stage_calls import SERIES, opener


def test_together_they_are_all_attributes_of_a_call_without_its_own() -> None:
    """What comes first and what comes last is, with nothing between, what the span itself says."""
    for series in SERIES:
        span = opener().open(series, Context(), "run")
        span.add_items(1, 2, 3)
        span.queued(5_000_000, 6_000_000)
        span.close(ValueError())

        together = first_attributes(series.stage, series.pipeline, "run")
        together.update(last_attributes(span))

        assert list(together.items()) == list(span.all_attributes().items())


def test_the_last_keys_are_all_there_are() -> None:
    """Whoever looks for keys that appear twice knows them all."""
    span = opener().open(SERIES[0], Context(), None)
    span.add_items(1, 2, 3)
    span.queued(5_000_000, 6_000_000)
    span.close(ValueError())

    assert tuple(key for key, _ in last_attributes(span)) == LAST_KEYS


def test_short_waits_are_not_said() -> None:
    """Less than a millisecond of waiting is worth no attribute."""
    span = opener().open(SERIES[0], Context(), None)
    span.queued(999_999, 999_999)
    span.close()

    assert dict(last_attributes(span)) == {names.STAGE_OUTCOME: "ok", names.ITEMS_OK: 1}
