"""The span of a stage call, beside the stock SDK's."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.sdk.trace import SpanLimits
from opentelemetry.trace import Span, SpanContext, Status, StatusCode, TraceFlags, TraceState

import otelkit
from otelkit import names
from otelkit.testing import Recorder
from tests.otlp.generated import GENEROUSLY
from tests.spans.side_by_side import AT_END, SideBySide, by_stock, by_us, told, told_in_otlp

pytestmark = pytest.mark.sdk


class Spoken:
    """No attribute value, but it has a text: within all limits here, since the SDK does not cut such texts and we do."""

    def __str__(self) -> str:
        return "yes"


class Mute(Exception):
    """Can't be printed."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


SDK_COUNTS = "a" in BoundedAttributes(attributes={"a": None})
"""SDK 1.44 refuses more values, and does not count what it refuses among the dropped attributes."""

Do = Callable[[Span], object]
"""Something that happens to a span."""

values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(1 << 63), (1 << 63) - 1),
        st.floats(),
        st.text(max_size=8),
        st.binary(max_size=4),
        st.builds(Spoken),
        st.builds(object),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "y", ""]), inner, max_size=2),
    max_leaves=4,
)
keys: st.SearchStrategy[Any] = st.sampled_from(["a", "b", "c", "d", "", 7, None])
attributes: st.SearchStrategy[Any] = st.none() | st.dictionaries(keys, values, max_size=4)
times = st.integers(0, 1 << 62)
contexts = st.builds(
    SpanContext,
    st.sampled_from([0, 1]),
    st.sampled_from([0, 2]),
    st.booleans(),
    st.just(TraceFlags(1)),
    st.sampled_from([TraceState(), TraceState([("v", "1")])]),
)
statuses: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(list(StatusCode)),
    st.builds(Status, st.just(StatusCode.ERROR), st.text(max_size=5)),
    st.sampled_from([Status(), Status(StatusCode.OK), "ok", None]),
)
errors = st.sampled_from(
    [ValueError("wrong"), KeyError(), KeyboardInterrupt(), UnicodeDecodeError("utf-8", b"", 0, 1, "")]
)


def _do(method: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, tuple[Any, ...]]]:
    return st.tuples(st.just(method), st.tuples(*arguments))


happenings = st.lists(
    st.one_of(
        _do("set_attribute", keys, values),
        _do("set_attributes", st.dictionaries(keys, values, max_size=4)),
        _do("add_event", st.text(max_size=4), attributes, times),
        _do("add_link", contexts | st.none(), attributes),
        _do("record_exception", errors, attributes, times, st.booleans()),
        _do("update_name", st.text(max_size=4)),
        _do("set_status", statuses),
        _do("set_status", st.sampled_from(list(StatusCode)), st.text(max_size=4)),
        _do("end", times),
    ),
    max_size=12,
)
limits = st.builds(
    SpanLimits,
    max_span_attributes=st.sampled_from([0, 1, 3, 7, 128]),
    max_events=st.sampled_from([0, 1, 128]),
    max_links=st.sampled_from([0, 1, 128]),
    max_event_attributes=st.sampled_from([0, 1, 128]),
    max_link_attributes=st.sampled_from([0, 1, 128]),
    max_attribute_length=st.sampled_from([None, 3, 4]),
    max_span_attribute_length=st.sampled_from([None, 3, 4]),
)


@given(happenings, limits)
@GENEROUSLY
def test_a_stages_span_says_what_the_stock_sdks_says(
    happened: list[tuple[str, tuple[Any, ...]]], limited: SpanLimits
) -> None:
    """Valid and invalid values, any limits, before and after the end: readers of either span see no difference.

    The stage says itself how it ended; the other span is told so at its start.
    """
    logging.disable(logging.ERROR)
    try:
        both = SideBySide(limits=limited)
        ours, stock = both.ours(), both.stock(**AT_END)
        for span in (ours, stock):
            for method, arguments in happened:
                getattr(span, method)(*arguments)
        early = not ours.is_recording()
        ours.close()
        stock.end()
    finally:
        logging.disable(logging.NOTSET)
    readable, reference = ours.readable(), both.exported()

    assert told(readable, counts=SDK_COUNTS) == told(reference, counts=SDK_COUNTS)
    assert not early or readable.end_time == reference.end_time
    assert told_in_otlp(by_us(ours), counts=SDK_COUNTS) == told_in_otlp(by_stock(reference), counts=SDK_COUNTS)


@pytest.mark.parametrize("key", [names.STAGE_NAME, names.STAGE_OUTCOME, names.ITEMS_OK, names.CODE_FUNCTION])
def test_what_the_program_says_itself_is_what_the_span_says(key: str) -> None:
    """Setting one of the attributes that the stage sets replaces it, as on a span of the SDK."""
    both = SideBySide()
    ours, stock = both.ours(), both.stock(**AT_END)
    for span in (ours, stock):
        span.set_attribute(key, "mine")
    ours.close()
    stock.end()

    assert told(ours.readable()) == told(both.exported())


def test_limits_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables that the specification names, those of attributes in general included."""
    for name, limit in {
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "4", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "2", "OTEL_SPAN_EVENT_COUNT_LIMIT": "1",
        "OTEL_SPAN_LINK_COUNT_LIMIT": "1", "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT": "1", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT": "1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, limit)
    both = SideBySide()
    ours, stock = both.ours(), both.stock(**AT_END)
    for span in (ours, stock):
        span.set_attributes({"a": "long text", "b": 1, "c": ["long text"]})
        for _ in range(2):
            span.add_event("event", {"a": "long text", "b": 2}, 1)
            span.add_link(SpanContext(1, 2, is_remote=False), {"a": "long text", "b": 2})
    ours.close()
    stock.end()
    readable = ours.readable()

    assert told(readable) == told(both.exported())
    assert dict(readable.attributes or {}) == {"b": 1, "c": ("long",)}
    assert (readable.dropped_attributes, readable.dropped_events, readable.dropped_links) == (7, 1, 1)


def test_what_was_set_is_not_changed_afterwards() -> None:
    """A list that the program goes on filling is on the span as it was."""
    span = SideBySide().ours()
    given: list[int] = [1]
    span.set_attribute("a", given)
    span.add_event("event", {"a": given})
    given.append(2)
    span.close()
    readable = span.readable()

    assert (readable.attributes or {})["a"] == (1,)
    assert (readable.events[0].attributes or {})["a"] == (1,)


HOSTILE: list[tuple[str, Do]] = [
    ("attributes that are none", lambda span: span.set_attributes(None)),  # type: ignore[arg-type]
    ("attributes that are a number", lambda span: span.set_attributes(3)),  # type: ignore[arg-type]
    ("a key that can't be hashed", lambda span: span.set_attribute([], 1)),  # type: ignore[arg-type]
    ("a value that can't be printed", lambda span: span.set_attribute("a", Mute())),  # type: ignore[arg-type]
    ("an event's value", lambda span: span.add_event("e", {"a": Mute()})),  # type: ignore[dict-item]
    ("an event's attributes", lambda span: span.add_event("e", 3)),  # type: ignore[arg-type]
    ("a link to nothing", lambda span: span.add_link(None)),  # type: ignore[arg-type]
    ("a link to something else", lambda span: span.add_link("me")),  # type: ignore[arg-type]
    ("an exception without words", lambda span: span.record_exception(Mute())),
    ("an exception's attributes", lambda span: span.record_exception(ValueError(), 3)),  # type: ignore[arg-type]
    ("a status", lambda span: span.set_status(200)),  # type: ignore[arg-type]
    ("a name", lambda span: span.update_name(None)),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("do", [do for _, do in HOSTILE], ids=[name for name, _ in HOSTILE])
def test_nothing_that_is_set_reaches_the_program_as_an_error(do: Do) -> None:
    """Where the stock SDK's span would raise into the program, ours says so in the log; the span leaves all the same."""
    span = SideBySide().ours()
    do(span)
    span.set_attribute("after", 1)
    span.close()
    message = by_us(span)

    assert message.name == "parse"
    assert (span.readable().attributes or {})["after"] == 1


def test_an_exception_without_words_is_recorded_by_its_type() -> None:
    """What can be said of it is said."""
    span = SideBySide().ours()
    span.record_exception(Mute())
    span.close()
    (event,) = span.readable().events

    assert str((event.attributes or {})[names.EXCEPTION_TYPE]).endswith("Mute")


def test_a_block_that_fails_is_recorded_as_by_the_sdk() -> None:
    """`with span:` ends the span, and an error that leaves the block is its status and an event."""
    both = SideBySide()
    ours, stock = both.ours(), both.stock(**AT_END)
    error = ValueError("wrong")
    for span in (ours, stock):
        with pytest.raises(ValueError, match="wrong"), span:
            raise error
    ours.close()
    mine, reference = ours.readable(), both.exported()

    assert (mine.status.status_code, mine.status.description) == (StatusCode.ERROR, "ValueError: wrong")
    assert (mine.status.status_code, mine.status.description) == (
        reference.status.status_code,
        reference.status.description,
    )
    ((said, expected),) = [(a.attributes or {}, b.attributes or {}) for a, b in zip(mine.events, reference.events)]  # noqa: B905 - unequal lengths fail the unpacking or the next line
    assert {**said, names.EXCEPTION_STACKTRACE: ""} == {**expected, names.EXCEPTION_STACKTRACE: ""}


def test_a_span_that_was_ended_early_only_says_how_its_stage_ended() -> None:
    """An error that leaves the stage later is no event of a span that had ended; the outcome is still an attribute."""
    span = SideBySide().ours()
    span.end()
    assert span.readable().end_time is not None
    span.close(ValueError("wrong"))
    readable = span.readable()

    assert (list(readable.events), readable.status.status_code) == ([], StatusCode.UNSET)
    assert (readable.attributes or {})[names.STAGE_OUTCOME] == "error"


@pytest.mark.parametrize("method", ["set_attribute", "set_attributes", "add_event", "add_link", "record_exception",
                                    "update_name", "set_status", "end"])  # fmt: skip
def test_what_comes_too_late_is_said_once_and_changes_nothing(method: str, caplog: pytest.LogCaptureFixture) -> None:
    """One line for each call, whatever it would have set."""
    span = SideBySide().ours()
    span.close()
    before = told(span.readable())
    arguments: dict[str, tuple[Any, ...]] = {
        "set_attribute": ("a", 1), "set_attributes": ({"a": 1, "b": 2},), "add_event": ("e",),
        "add_link": (SpanContext(1, 2, is_remote=False),), "record_exception": (ValueError(),), "update_name": ("other",),
        "set_status": (StatusCode.OK,), "end": (),
    }  # fmt: skip
    with caplog.at_level(logging.WARNING, "otelkit.spans"):
        getattr(span, method)(*arguments[method])

    assert told(span.readable()) == before
    assert [record.getMessage() for record in caplog.records] == [
        f"{method} on the ended span of the stage 'parse' does nothing"
    ]


def test_a_call_that_a_fork_has_left_to_the_parent_takes_nothing_and_says_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The child's code did nothing wrong: it was in the stage when its process was forked."""
    both = SideBySide()
    span = both.ours()
    span.abandon()
    with caplog.at_level(logging.WARNING, "otelkit.spans"):
        span.set_attribute("a", 1)
        span.close(ValueError("wrong"))

    assert (span.is_recording(), both.ended, caplog.records) == (False, [], [])


def test_the_current_span_of_a_stage_is_the_stages(recorder: Recorder) -> None:
    """All that the API offers works on it, inside the stage and from what it calls."""

    @otelkit.stage
    def work() -> Span:
        span = trace.get_current_span()
        span.set_attribute("a", 1)
        span.add_event("seen")
        span.update_name("renamed")
        with trace.use_span(span):
            assert trace.get_current_span() is span
        return span

    span = work()
    recorded = recorder.span("renamed")

    assert recorded.context == span.get_span_context()
    assert (recorded.attributes or {})["a"] == 1
    assert [event.name for event in recorded.events] == ["seen"]
    assert not span.is_recording()


def test_use_span_may_end_the_current_span(recorder: Recorder) -> None:
    """Its error is recorded once, and the stage's outcome is right."""

    @otelkit.stage
    def work() -> None:
        with trace.use_span(trace.get_current_span(), end_on_exit=True):
            raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        work()
    (recorded,) = recorder.spans

    assert [event.name for event in recorded.events] == ["exception"]
    assert (recorded.attributes or {})[names.STAGE_OUTCOME] == "error"
    assert recorded.status.status_code is StatusCode.ERROR


def test_a_live_span_can_be_read_as_the_sdks() -> None:
    """Processors look at names, attributes, parents and times of a span as it starts."""
    both = SideBySide()
    ours, stock = both.ours(), both.stock()
    live: Any = ours
    sdks: Any = stock

    assert dict(live.attributes) == dict(sdks.attributes)
    assert (live.name, live.kind, live.parent, live.end_time) == (sdks.name, sdks.kind, sdks.parent, sdks.end_time)
    assert live.resource == sdks.resource
    assert live.context == ours.get_span_context()
    assert live.start_time > 0
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = live.nothing_like_it


def test_the_scope_of_an_ended_call_is_empty() -> None:
    """Nobody finds the ended span through it."""
    span = SideBySide().ours()
    assert trace.get_current_span(span.scope) is span
    span.close()

    assert span.scope == Context()
