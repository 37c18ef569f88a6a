"""Why a trace was kept, in words."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from otelkit import names
from otelkit._cli.look import UNICODE, print_lines
from otelkit._cli.span_tree import grow
from otelkit._cli.waterfall import waterfall
from otelkit._cli.why_kept import why_kept
from otelkit.model.calls import AttributeValue
from otelkit.model.views import TraceView
from tests.cli.view_samples import span


def trace(reason: AttributeValue | None, rate: AttributeValue | None = None) -> TraceView:
    said = {names.SAMPLING_REASON: reason, names.SAMPLING_RATE: rate}
    attributes = {key: value for key, value in said.items() if value is not None}
    return TraceView(
        "1" * 32, (span("a", None, "root", 0, 10, attributes=attributes), span("b", "a", "child", 1, 5)), ()
    )


@pytest.mark.parametrize(
    ("reason", "rate", "words"),
    [
        ("error", 1.0, "since it failed; all like it are kept"),
        ("normal", 0.1, "by the share of normal traces; it stands for 10 like it"),
        ("ratio", 0.3, "by its share; it stands for 3.333 like it"),
        ("rule:nightly", 0.5, "by the rule nightly; it stands for 2 like it"),
        ("retroactive", None, "after all, when somebody asked for the last seconds; it stands for itself only"),
        ("parent", None, "since the process that called this one has kept it"),
        ("of a stranger", 0.5, "for the reason of a stranger; it stands for 2 like it"),
        ("normal", "x", "by the share of normal traces"),
        ("normal", 0.0, "by the share of normal traces"),
        (7, 0.5, ""),
        (None, 0.5, ""),
    ],
)
def test_reason_and_rate_become_a_sentence(reason: AttributeValue, rate: AttributeValue, words: str) -> None:
    """Every reason of ours, those of others, and what can't be read."""
    assert why_kept(grow(trace(reason, rate))) == words


def test_the_picture_of_a_trace_says_it_in_its_heading() -> None:
    """One line; none where no sampler has said anything."""

    def lines(shown: TraceView) -> list[str]:
        stream = io.StringIO()
        print_lines(Console(file=stream, width=80, _environ={}), waterfall(shown, 80, UNICODE))
        return stream.getvalue().splitlines()

    assert lines(trace("slow", 1.0))[2] == "kept since it is slow for its stage; all like it are kept"
    assert not [line for line in lines(trace(None)) if line.startswith("kept")]
