"""Traces held until they have ended, then kept or left out."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState, set_span_in_context

from otelkit import _guard
from otelkit.model.sampling import JudgingSampler, RootDecider
from otelkit.model.traces import EndedSpan, FragmentEnd, TraceSummary, Verdict
from otelkit.sampling import tracestate
from otelkit.sampling.classes import Allowance, KeepPolicy
from otelkit.sampling.judgement import Judge
from otelkit.sampling.tail import OtelkitTail
from otelkit.sampling.tail_step import TailStep
from otelkit.sampling.trace_buffer import PARENT_BYTES, TRACE_BYTES, BufferLimits
from otelkit.sampling.tracestate import SCALE, threshold_for
from otelkit.testing import FakeClock
from tests.forking import in_child
from tests.sampling.tails import EVERYTHING, ROOMY, Made, at, child, root, tail

pytestmark = pytest.mark.requirement("TRC-17")

LUCKY = SCALE - 1
"""A trace id whose R is above every threshold but that of nothing."""
UNLUCKY = 1 << 100
"""A trace id whose R is 0."""


def names(spans: Sequence[EndedSpan]) -> list[str]:
    return [span.name for span in spans]


# -- the head ---------------------------------------------------------------------------------------------------------


def test_the_head_lets_everything_through_that_starts_here() -> None:
    """It says so with th:0, since that is what other processes have to go by."""
    sampler, _, _ = tail(at(0.0))
    answer = sampler.should_sample(Context(), 1, "stage")

    assert isinstance(sampler, JudgingSampler)
    assert isinstance(sampler, RootDecider)
    assert answer.decision is Decision.RECORD_AND_SAMPLE
    assert answer.trace_state == TraceState([("ot", "th:0")])
    assert sampler.keeps(UNLUCKY)


@pytest.mark.parametrize("sampled", [True, False])
def test_a_remote_parent_is_believed(sampled: bool) -> None:
    """A trace that somebody before us has left out is not taken in again."""
    state = TraceState([("ot", "th:8" if sampled else "th:c"), ("vendor", "x")])
    parent = SpanContext((1 << 100) | (11 << 52), 2, True, TraceFlags(int(sampled)), state)
    sampler, _, _ = tail(at(1.0))
    context = set_span_in_context(NonRecordingSpan(parent), Context())
    answer = sampler.should_sample(context, parent.trace_id, "stage")

    assert answer.decision is (Decision.RECORD_AND_SAMPLE if sampled else Decision.DROP)
    assert answer.trace_state == state


# -- whole traces -----------------------------------------------------------------------------------------------------


def test_nothing_leaves_before_the_local_root_has_ended() -> None:
    """Then all of the trace does, in the order of its ends, and says why and at which probability."""
    sampler, judge, _ = tail(at(0.25))
    step = sampler.step
    assert step.on_ended([child(LUCKY, 2, name="a"), child(LUCKY, 3, name="b")]) == []
    assert (step.held(), judge.asked) == (2, [])
    left = step.on_ended([root(LUCKY, name="run")])

    assert names(left) == ["a", "b", "run"]
    assert {tracestate.threshold_of(span.trace_state) for span in left} == {threshold_for(0.25)}
    assert left[-1].attribute("otelkit.sampling.reason") == "normal"
    assert left[-1].attribute("otelkit.sampling.rate") == 0.25
    assert left[0].attribute("otelkit.sampling.reason") is None
    assert step.held() == 0


def test_a_trace_that_is_not_kept_leaves_nothing() -> None:
    """And nothing stays of it."""
    sampler, _, _ = tail(at(0.25))

    assert sampler.step.on_ended([child(UNLUCKY, 2), root(UNLUCKY)]) == []
    assert sampler.step.held() == 0


def test_an_error_anywhere_in_the_trace_keeps_all_of_it() -> None:
    """The spans beside it tell how it came about."""
    sampler, _, _ = tail(at(0.0))
    left = sampler.step.on_ended([child(UNLUCKY, 2, failed=True), child(UNLUCKY, 3), root(UNLUCKY)])

    assert len(left) == 3
    assert {str(span.trace_state and span.trace_state["ot"]) for span in left} == {"th:0"}
    assert left[-1].attribute("otelkit.sampling.reason") == "error"


def test_other_vendors_entries_stay_beside_the_threshold() -> None:
    """Only ``th`` changes; ``rv`` decides where it is there."""
    state = TraceState([("vendor", "x"), ("ot", "th:8;rv:fedcba98765432")])
    sampler, judge, _ = tail(at(0.1))
    left = sampler.step.on_ended([child(1, 2, 9, trace_state=state), root(1, 9, parent_id=8, trace_state=state)])

    assert judge.asked[0].randomness == 0xFEDCBA98765432
    assert {str(span.trace_state) for span in left} == {
        str(TraceState([("ot", "th:e6666666666666;rv:fedcba98765432"), ("vendor", "x")]))
    }


def test_what_somebody_kept_without_saying_how_often_is_kept_without_a_threshold() -> None:
    """A number that nobody knows is not made up."""
    state = TraceState([("vendor", "x")])
    sampler, _, _ = tail(at(0.1))
    left = sampler.step.on_ended([child(UNLUCKY, 2, 9, trace_state=state), root(UNLUCKY, 9, 8, trace_state=state)])

    assert [span.trace_state for span in left] == [state, state]
    assert left[-1].attribute("otelkit.sampling.reason") == "parent"


def test_two_local_roots_of_one_trace_are_judged_each_with_its_own_spans() -> None:
    """As in a worker process that gets many tasks of one run."""
    sampler, judge, _ = tail(at(0.0))
    left = sampler.step.on_ended(
        [
            child(UNLUCKY, 11, 10, name="a"),
            child(UNLUCKY, 21, 20, name="b", failed=True),
            root(UNLUCKY, 10, 9, name="task a"),
            root(UNLUCKY, 20, 9, name="task b"),
            root(UNLUCKY, 30, 9, name="task c"),
        ]
    )

    assert names(left) == ["b", "task b"]
    assert [trace.spans for trace in judge.asked] == [2, 2, 1]


# -- what goes before its end, and what comes after it ---------------------------------------------------------------


def test_a_late_span_follows_the_decision_at_once() -> None:
    """Kept with its trace or left out with it, with the same threshold."""
    sampler, _, _ = tail(at(0.25))
    sampler.step.on_ended([root(LUCKY), root(UNLUCKY)])
    left = sampler.step.on_ended([child(LUCKY, 7, name="late"), child(UNLUCKY, 7, name="late")])

    assert names(left) == ["late"]
    assert left[0].trace_id == LUCKY
    assert tracestate.threshold_of(left[0].trace_state) == threshold_for(0.25)
    assert sampler.step.held() == 0


def test_what_a_late_span_has_below_it_goes_with_it() -> None:
    """A detached task ends after its trace; its own calls have waited for it."""
    sampler, judge, _ = tail(at(0.0))
    sampler.step.on_ended([child(UNLUCKY, 7, 6, name="inner"), root(UNLUCKY)])
    assert sampler.step.held() == 1
    left = sampler.step.on_ended([child(UNLUCKY, 6, name="detached", failed=True)])

    assert names(left) == ["inner", "detached"]
    assert judge.asked[-1].spans == 2
    assert judge.ends == [FragmentEnd.ROOT, FragmentEnd.LATE]


def test_a_trace_that_never_ends_is_judged_by_age_in_parts() -> None:
    """Of a run that takes hours each outermost call is judged by itself: errors and their calls are kept."""
    sampler, judge, clock = tail(at(0.0))
    step = sampler.step
    step.on_ended([child(UNLUCKY, 11, 10, failed=True, name="parse"), child(UNLUCKY, 10, name="file 1")])
    step.on_ended([child(UNLUCKY, 21, 20, name="parse"), child(UNLUCKY, 20, name="file 2")])
    clock.advance(29.9)
    assert step.due(clock.now_ns()) == []
    clock.advance(0.2)
    left = step.due(clock.now_ns())

    assert names(left) == ["parse", "file 1"]
    assert left[-1].attribute("otelkit.sampling.reason") == "error"
    assert judge.ends == [FragmentEnd.AGE, FragmentEnd.AGE]
    assert step.held() == 0
    # The run's own span is not missing where something of it was kept.
    assert names(step.on_ended([root(UNLUCKY, name="run")])) == ["run"]


class Watchful:
    """Keeps nothing; looks at each judgement whether what is held is within its limits."""

    def __init__(self) -> None:
        self.giants = self.others = self.spans = 0
        self.ends: set[FragmentEnd] = set()
        self.held = self.bytes = 0
        self.step: TailStep | None = None

    def __call__(self, trace: TraceSummary) -> Verdict:
        assert self.step is not None
        self.giants += trace.trace_id == UNLUCKY
        self.others += trace.trace_id != UNLUCKY
        self.spans += trace.spans
        self.ends.add(trace.end)
        self.held = max(self.held, self.step.held())
        self.bytes = max(self.bytes, self.step.held_bytes)
        return NOTHING


NOTHING = Verdict(False, SCALE, "normal", 0.0)


def watched(limits: BufferLimits) -> tuple[TailStep, Watchful]:
    watchful = Watchful()
    sampler, judge, _ = tail(watchful, limits)
    judge.asked = Forgotten()
    watchful.step = sampler.step
    return sampler.step, watchful


class Forgotten(list[TraceSummary]):
    """Takes what comes and keeps nothing: a million summaries are no test of what the sampler holds."""

    def append(self, each: TraceSummary) -> None:
        pass


def test_a_run_that_was_decided_on_in_parts_is_so_to_its_end() -> None:
    """An error in the first minute does not keep everything of the last one; the run's own span is kept with the error."""
    sampler, judge, clock = tail(at(0.0))
    step = sampler.step
    step.on_ended([child(UNLUCKY, 10, failed=True, name="file 1")])
    clock.advance(31)
    assert names(step.due(clock.now_ns())) == ["file 1"]
    left = step.on_ended(
        [
            child(UNLUCKY, 21, 20, name="parse"),
            child(UNLUCKY, 20, name="file 2"),
            child(UNLUCKY, 30, name="file 3", failed=True),
            root(UNLUCKY, name="run"),
        ]
    )

    assert names(left) == ["file 3", "run"]
    assert judge.ends == [FragmentEnd.AGE, FragmentEnd.LATE, FragmentEnd.LATE, FragmentEnd.ROOT]


@pytest.mark.parametrize("parent_id", [0, 99], ids=["starts here", "remote parent"])
@pytest.mark.parametrize("between", ["ends with the root", "was decided on before"])
def test_the_root_is_kept_however_far_below_it_the_kept_part_was(parent_id: int, between: str) -> None:
    """A failed item of a loop in a task: what lies between may leave with the task, or have had to go by itself."""
    sampler, _, clock = tail(at(0.0))
    step = sampler.step
    left = list(step.on_ended([child(UNLUCKY, 10, 3, failed=True, name="item")]))
    clock.advance(31)
    left += step.due(clock.now_ns())
    left += step.on_ended([child(UNLUCKY, 3, 2, name="loop"), child(UNLUCKY, 2, 1, name="batch")])
    if between == "was decided on before":
        clock.advance(31)
        left += step.due(clock.now_ns())
    left += step.on_ended([root(UNLUCKY, 1, parent_id, name="task")])

    assert names(left) == ["item", "task"]


def test_a_million_span_trace_stays_within_every_limit() -> None:
    """It makes room itself: what others have is not touched, and every span is decided on."""
    step, watchful = watched(BufferLimits(bytes=1 << 20, spans=1000, traces=100, age_s=30))
    step.on_ended([child(trace_id, 2) for trace_id in range(1, 51)])
    for start in range(0, 1_000_000, 2000):
        # Ten below each outermost call, which ends last.
        numbers = range(start, start + 2000)
        step.on_ended([child(UNLUCKY, 100 + n, 109 + n // 10 * 10 if n % 10 < 9 else 1) for n in numbers])

    assert (watchful.others, watchful.ends) == (0, {FragmentEnd.PRESSURE})
    assert watchful.spans + step.held() == 1_000_050
    assert max(watchful.held, step.held()) <= 1000
    assert max(watchful.bytes, step.held_bytes) <= 1 << 20


def test_a_million_traces_stay_within_every_limit() -> None:
    """The oldest go first, each with a decision; memory and number of traces never exceed their settings."""
    step, watchful = watched(BufferLimits(bytes=1 << 20, spans=5000, traces=300, age_s=30))
    for start in range(1, 1_000_001, 2000):
        step.on_ended([child(number, 2) for number in range(start, start + 2000)])

    assert (watchful.others, step.held()) == (1_000_000 - 300, 300)
    assert max(watchful.held, step.held()) == 300
    assert max(watchful.bytes, step.held_bytes) <= 1 << 20


def test_a_span_that_is_larger_than_all_there_is_is_decided_on_at_once() -> None:
    """It is not held, and it drives nobody out for nothing but itself."""
    limits = BufferLimits(bytes=65_536, spans=1000, traces=100, age_s=30)
    sampler, judge, _ = tail(at(1.0), limits)
    left = sampler.step.on_ended([child(1, 2, held_bytes=1 << 20)])

    assert len(left) == 1
    assert judge.ends == [FragmentEnd.PRESSURE]
    assert sampler.step.held() == 0


def test_the_end_of_the_program_judges_what_is_held() -> None:
    """Oldest first; nothing is held afterwards."""
    sampler, judge, _ = tail(at(0.0))
    sampler.step.on_ended([child(UNLUCKY, 2, failed=True, name="a"), child(2, 2), child(3, 2, failed=True, name="b")])

    assert names(sampler.step.rest(2.0)) == ["a", "b"]
    assert judge.ends == [FragmentEnd.EXIT] * 3
    assert sampler.step.held() == 0


def test_the_end_of_the_program_is_not_kept_waiting() -> None:
    """Half of the time is for judging; what there was no time for is still held, and is said to be lost."""
    answer = at(1.0)

    def slow(trace: TraceSummary) -> Verdict:
        clock.advance(0.15)
        return answer(trace)

    sampler, _, clock = tail(slow)
    sampler.step.on_ended([child(trace_id, 2) for trace_id in range(1, 21)])

    assert len(sampler.step.rest(2.0)) == 7
    assert sampler.step.held() == 13
    assert len(sampler.step.rest(math.inf)) == 13


# -- verdicts that stay open ------------------------------------------------------------------------------------------


def test_a_verdict_that_is_open_holds_its_fragment_until_it_comes() -> None:
    """Nothing leaves at the root's end; the tick brings it."""
    sampler, judge, clock = tail(lambda trace: None)
    step = sampler.step
    assert step.on_ended([child(LUCKY, 2), root(LUCKY), root(UNLUCKY)]) == []
    assert step.held() == 3
    half = threshold_for(0.5)
    judge.open = [
        (judge.asked[1], Verdict(False, half, "budget", 0.5)),
        (judge.asked[0], Verdict(True, half, "budget", 0.5)),
    ]
    left = step.due(clock.now_ns())

    assert [span.trace_id for span in left] == [LUCKY, LUCKY]
    assert left[-1].attribute("otelkit.sampling.rate") == 0.5
    assert step.held() == 0


def test_what_comes_late_takes_a_place_of_its_own_in_the_exact_budget() -> None:
    """And is one decision more: ten fragments of the window are kept, of which late errors are the most wanted."""
    judge = Judge(KeepPolicy(normal=Allowance(1.0, 0.0), budget_per_window=10))
    clock = FakeClock()
    step = OtelkitTail(judge, ROOMY, clock=clock).step
    chance = random.Random(1)
    left: list[EndedSpan] = []
    for _ in range(100):
        trace_id = chance.getrandbits(128)
        left += step.on_ended([root(trace_id, name="handle")])
        left += step.on_ended([child(trace_id, 9, failed=True, name="late")])
    clock.advance(11)
    left += step.due(clock.now_ns())

    # What comes late while the verdict on its trace is open is held: with that trace it makes no fragment any more.
    assert sum(decided for _, decided in judge.book.decided().values()) == 200 - step.held() > 150
    assert names(left) == ["late"] * 10


def test_open_verdicts_are_asked_for_when_there_is_no_room() -> None:
    """And what is never answered leaves as it came."""
    limits = BufferLimits(bytes=1 << 20, spans=10, traces=10, age_s=30)
    sampler, _, _ = tail(lambda trace: None, limits)
    left = sampler.step.on_ended([root(number) for number in range(1, 25)])

    assert len(left) + sampler.step.held() == 24
    assert sampler.step.held() <= 10
    assert all(span.trace_state is EVERYTHING for span in left)


# -- faults -----------------------------------------------------------------------------------------------------------


def failing_judge(trace: TraceSummary) -> Verdict:
    raise RuntimeError("broken")


def test_what_the_judge_fails_on_is_kept_as_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in deciding costs no telemetry."""
    monkeypatch.setattr(_guard, "reraise_in_tests", False)
    sampler, _, _ = tail(failing_judge)
    left = sampler.step.on_ended([child(UNLUCKY, 2), root(UNLUCKY)])

    assert [span.trace_state for span in left] == [EVERYTHING, EVERYTHING]
    assert sampler.step.held() == 0


class Unreadable(Made):
    @property
    def trace_state(self) -> TraceState | None:
        raise RuntimeError("unreadable")

    @trace_state.setter
    def trace_state(self, state: TraceState | None) -> None:
        pass


def test_a_span_that_can_not_be_read_costs_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was held with it leaves once, as it came."""
    monkeypatch.setattr(_guard, "reraise_in_tests", False)
    sampler, _, _ = tail(at(0.5))
    left = sampler.step.on_ended([child(1, 2), Unreadable(1, 1, is_local_root=True), root(LUCKY)])

    assert [span.trace_id for span in left] == [1, 1, LUCKY]
    assert sampler.step.held() == 0


# -- the ring ---------------------------------------------------------------------------------------------------------


class Ring:
    """Holds everything that is not kept, until it is asked for."""

    def __init__(self) -> None:
        self.spans: list[EndedSpan] = []
        self.asked = False
        self.verdicts: list[bool] = []

    def judged(self, spans: Sequence[EndedSpan], trace: TraceSummary, verdict: Verdict, now_ns: int) -> None:
        self.verdicts.append(verdict.keep)
        if not verdict.keep:
            self.spans += spans

    def released(self, now_ns: int) -> Sequence[EndedSpan]:
        released: list[EndedSpan] = []
        if self.asked:
            released, self.spans = self.spans, []
        return released

    def held(self) -> int:
        return len(self.spans)

    def forget(self) -> None:
        self.spans = []


def test_what_is_not_kept_may_be_asked_for_afterwards() -> None:
    """It counts as held until then, and leaves at the next tick."""
    ring = Ring()
    sampler, _, clock = tail(at(0.5), retention=ring)
    step = sampler.step
    step.on_ended([root(LUCKY), child(UNLUCKY, 2), root(UNLUCKY)])
    assert (ring.verdicts, step.held()) == ([True, False], 2)
    ring.asked = True

    assert [span.trace_id for span in step.due(clock.now_ns())] == [UNLUCKY, UNLUCKY]
    assert step.held() == 0


def test_what_nobody_has_asked_for_is_left_out_at_the_end() -> None:
    """The program is over: no trigger comes any more."""
    ring = Ring()
    sampler, _, _ = tail(at(0.5), retention=ring)
    sampler.step.on_ended([root(UNLUCKY)])

    assert sampler.step.rest(1.0) == []
    assert sampler.step.held() == 0


# -- processes --------------------------------------------------------------------------------------------------------


def test_a_forked_child_holds_nothing_of_its_parent() -> None:
    """Its parent decides on that; in the child everything begins anew."""
    sampler, _, _ = tail(at(1.0))
    step = sampler.step
    step.on_ended([child(1, 2), root(2)])

    def there() -> object:
        step.after_fork()
        return [step.held(), len(step.on_ended([root(1)])), len(step.rest(1.0)), sum(step.judged.values())]

    assert in_child(there) == [0, 1, 0, 1]
    assert len(step.rest(1.0)) == 1


# -- truth ------------------------------------------------------------------------------------------------------------


def test_kept_spans_stand_for_all_there_were_whatever_goes_early_or_comes_late() -> None:
    """20,000 traces of 1 to 6 spans, 50 at a time, in a buffer for 60 spans; some come late, 1 in 10 traces fails.

    Each span that leaves counts SCALE / (SCALE - th). With p the smallest probability, 1/4, a span's weight has at most the
    variance (1 - p)/p = 3; spans of one trace leave together, at most 6 of them, so that the variance of the sum is at most
    20,000 · 6² · 3. Bound: 4 standard errors.
    """
    chance = random.Random(11)
    sampler, _, clock = tail(at(0.25), BufferLimits(bytes=200_000, spans=60, traces=40, age_s=0.8))
    step = sampler.step
    left: list[EndedSpan] = []
    late: list[Made] = []
    created = 0
    for _ in range(400):
        together: list[Made] = []
        for _ in range(50):
            trace_id = chance.getrandbits(128)
            whole = [*(child(trace_id, number) for number in range(2, chance.randint(2, 7))), root(trace_id)]
            chance.choice(whole).failed = chance.random() < 0.1
            created += len(whole)
            if chance.random() < 0.1:
                # Long after the root, which may be forgotten by then.
                late += whole[:-1][:1]
                whole = whole[:-1][1:] + whole[-1:]
            together += whole
        chance.shuffle(together)
        left += step.on_ended(together)
        left += step.on_ended(late[:5])
        del late[:5]
        clock.advance(chance.random())
        left += step.due(clock.now_ns())
    left += step.on_ended(late)
    left += step.rest(1.0)

    thresholds = [tracestate.threshold_of(span.trace_state) for span in left]
    counted = sum(SCALE / (SCALE - threshold) for threshold in thresholds if threshold is not None)
    assert None not in thresholds
    assert min(step.judged.values()) > 10
    assert step.judged[FragmentEnd.PRESSURE] > 1000
    assert step.held() == 0
    assert len({(span.trace_id, span.span_id) for span in left}) == len(left) < created
    assert abs(counted - created) <= 4 * (20_000 * 36 * 3) ** 0.5


def test_what_is_said_to_be_held_is_the_sum_of_what_the_spans_say() -> None:
    """And what each trace takes besides."""
    sampler, _, _ = tail(at(0.5), ROOMY)
    sampler.step.on_ended([child(1, 2, held_bytes=700), child(1, 3, held_bytes=300), child(2, 2, held_bytes=1000)])
    books = sampler.step.held_bytes - tail(at(0.5), ROOMY)[0].step.held_bytes

    assert books == 2000 + 2 * (TRACE_BYTES + PARENT_BYTES)
