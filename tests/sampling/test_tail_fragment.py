"""Which spans belong together, and what there is to say of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from opentelemetry.trace import TraceState

from otelkit.model.traces import Fingerprint, FragmentEnd
from otelkit.sampling import tracestate
from otelkit.sampling.tail_fragment import MOST_FINGERPRINTS, MOST_LOOKED_AT, fragment, split
from otelkit.sampling.tail_state import StateReader
from tests.sampling.tails import EVERYTHING, Made, child, forests, root

pytestmark = pytest.mark.requirement("TRC-17")

TRACE = (0xABC << 56) | 0x1234


def states() -> StateReader:
    assert EVERYTHING is not None
    return StateReader(EVERYTHING)


def test_a_fragment_is_summed_up_by_its_top_and_its_failures() -> None:
    """Key and duration are the local root's; any span that failed makes the whole fail."""
    inner = child(TRACE, 2, failed=True, error_type="ValueError", error_frame="a.py:3 load", stage_name="load")
    again = child(TRACE, 3, failed=True, error_type="ValueError", error_frame="a.py:3 load", stage_name="load")
    strange = child(TRACE, 4, failed=True, name="GET", stage_name=None, pipeline=None)
    top = root(TRACE, duration_ns=77, stage_name="run", pipeline="nightly")
    summary = fragment([inner, again, strange, top], top, FragmentEnd.ROOT, states()).summary

    assert (summary.pipeline, summary.stage, summary.duration_ns, summary.spans) == ("nightly", "run", 77, 4)
    assert (summary.randomness, summary.parent_threshold, summary.forced) == (0x1234, 0, False)
    assert summary.failed
    assert summary.fingerprints == (
        Fingerprint("ValueError", "a.py:3 load", "load"),
        Fingerprint("", "", "GET"),
    )


def test_a_thousand_different_errors_are_told_by_the_first_eight() -> None:
    """A loop over rotten items does not make a summary of any length."""
    spans = [child(1, number, failed=True, error_type=f"E{number}") for number in range(2, 1000)]
    summary = fragment(spans, spans[0], FragmentEnd.AGE, states()).summary

    assert [each.error_type for each in summary.fingerprints] == [f"E{2 + n}" for n in range(MOST_FINGERPRINTS)]


class Asked(Made):
    """Counts how often one is asked where its error was raised."""

    times = 0

    @property
    def error_frame(self) -> str | None:
        Asked.times += 1
        return "a.py:3 load"

    @error_frame.setter
    def error_frame(self, frame: str | None) -> None:
        pass


def test_of_an_error_in_a_loop_only_so_many_are_asked_where_it_was_raised() -> None:
    """The others, which are likely to be the same one, cost nothing."""
    Asked.times = 0
    spans = [Asked(1, number, 1, failed=True) for number in range(2, 10_000)]
    summary = fragment(spans, spans[0], FragmentEnd.LATE, states()).summary

    assert len(summary.fingerprints) == 1
    assert Asked.times == MOST_LOOKED_AT


def test_randomness_and_threshold_are_the_parents_where_it_tells_them() -> None:
    """``rv`` wins over the trace id; a threshold that nobody tells is None."""
    told = root(TRACE, parent_id=9, trace_state=TraceState([("ot", "th:8;rv:fedcba98765432")]))
    silent = root(TRACE, parent_id=9, trace_state=TraceState([("vendor", "1")]))
    reader = states()
    summaries = [fragment([each], each, FragmentEnd.ROOT, reader).summary for each in (told, silent, told)]

    assert [each.randomness for each in summaries] == [0xFEDCBA98765432, 0x1234, 0xFEDCBA98765432]
    assert [each.parent_threshold for each in summaries] == [tracestate.SCALE // 2, None, tracestate.SCALE // 2]


def test_a_trace_that_was_asked_for_is_forced() -> None:
    """The debugging sampler has said so on the span with which the trace enters the process; on others it says nothing."""
    said = {"otelkit.sampling.reason": "debug"}
    asked, other = root(1, attributes=said), child(1, 2, attributes=said)

    assert fragment([other, asked], asked, FragmentEnd.ROOT, states()).summary.forced
    assert not fragment([other], other, FragmentEnd.AGE, states()).summary.forced


def test_parts_hang_together_below_their_outermost_ended_span() -> None:
    """Of a run that goes on, each outermost call is one part, in the order of their ends."""
    first = [child(1, 11, 10, start_unix_ns=1), child(1, 10, 1, start_unix_ns=2)]
    second = [child(1, 21, 20, start_unix_ns=3), child(1, 20, 1, start_unix_ns=4)]
    late = child(1, 12, 10, start_unix_ns=9)

    assert split([second[0], *first, second[1], late]) == [([*first, late], first[1]), (second, second[1])]


def test_ids_that_go_round_in_a_circle_are_one_part() -> None:
    """A stranger's tracer may make anything of ids."""
    circle = [child(1, 2, 3), child(1, 3, 2), child(1, 4, 4)]

    assert [len(part) for part, _ in split(circle)] == [2, 1]


@given(forests())
def test_every_span_is_in_exactly_one_part_with_its_parent(spans: list[Made]) -> None:
    """Whatever the order: nothing is judged twice, and nothing apart from what it is below."""
    parts = split(spans)
    place = {span.span_id: number for number, (part, _) in enumerate(parts) for span in part if isinstance(span, Made)}

    assert sorted(place) == sorted(span.span_id for span in spans)
    assert sum(len(part) for part, _ in parts) == len(spans)
    for span in spans:
        assert place.get(span.parent_id, place[span.span_id]) == place[span.span_id]
    for part, top in parts:
        assert top in part
        assert top.parent_id not in place
