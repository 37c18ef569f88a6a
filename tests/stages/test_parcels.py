"""Items on their way to another process."""

from __future__ import annotations

import multiprocessing
import multiprocessing.queues
import pickle
import queue
from typing import Any

import pytest
from opentelemetry.trace import SpanContext, TraceFlags, TraceState

from otelkit.stages.parcels import Parcels, fits

CONTEXT = SpanContext(
    2**127 + 1,
    2**63 + 1,
    is_remote=False,
    trace_flags=TraceFlags(1),
    trace_state=TraceState([("ot", "th:8"), ("a", "b")]),
)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_the_item_comes_out_as_it_went_in_with_the_span_beside_it(protocol: int) -> None:
    """Whoever unpickles it, and only for the next item taken in this thread."""
    parcels = Parcels()
    item = ["an item", {"of": any}]
    raw = pickle.dumps(parcels.send(item, CONTEXT), protocol)
    parcels.expect()
    out = pickle.loads(raw)
    context = parcels.receive(out)

    assert (type(out), out) == (list, item)
    assert context is not None
    assert (context.trace_id, context.span_id, context.trace_flags, context.is_remote) == (
        CONTEXT.trace_id,
        CONTEXT.span_id,
        CONTEXT.trace_flags,
        True,
    )
    assert list(context.trace_state.items()) == [("ot", "th:8"), ("a", "b")]
    assert parcels.receive(out) is None


def test_without_a_span_the_item_goes_as_it_is() -> None:
    """Nothing is wrapped and nothing added."""
    item = object()

    assert Parcels().send(item, None) is item


def test_what_was_taken_past_the_watched_queue_is_no_span_of_the_next_item() -> None:
    """An item that comes without a span has none."""
    parcels = Parcels()
    pickle.loads(pickle.dumps(parcels.send("item", CONTEXT)))
    parcels.expect()

    assert parcels.receive("another") is None


class LooksAtItems(multiprocessing.queues.Queue):  # type: ignore[type-arg]  # it takes none at run time
    """Would be shown the parcel."""

    def put(self, obj: Any, block: bool = True, timeout: float | None = None) -> None:
        super().put(obj, block, timeout)


class LooksAtWhatFailed(multiprocessing.queues.Queue):  # type: ignore[type-arg]  # as above
    """Would be shown the parcel, too."""

    def _on_queue_feeder_error(self, e: BaseException, obj: Any) -> None: ...


def test_only_queues_that_pickle_without_looking_get_parcels() -> None:
    """multiprocessing's own; not one with a ``put`` of its own, nor one whose items stay in the process."""
    context = multiprocessing.get_context("spawn")
    queues: list[Any] = [context.Queue(), context.JoinableQueue(), context.SimpleQueue()]
    strangers: list[Any] = [LooksAtItems(ctx=context), LooksAtWhatFailed(ctx=context), queue.Queue(), object()]
    found = [fits(each) for each in (*queues, *strangers)]
    for each in (*queues, *strangers[:2]):
        each.close()

    assert found == [True, True, True, False, False, False, False]
