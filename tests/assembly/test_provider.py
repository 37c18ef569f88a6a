"""Our tracer provider, and the span processors that programs add to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import SpanProcessor

from otelkit._assembly.provider import Provider
from tests.programs import instrument, write

pytestmark = pytest.mark.sdk

PROGRAM = """
    import otelkit
    from opentelemetry import baggage, context, trace
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    class Baggage(SpanProcessor):
        def on_start(self, span, parent_context=None):
            for key, value in baggage.get_all(parent_context).items():
                span.set_attribute(key, value)

    class Broken(SpanProcessor):
        def on_start(self, span, parent_context=None):
            raise RuntimeError("broken start")

        def on_end(self, span):
            raise RuntimeError("broken end")

    @otelkit.stage("before")
    def before():
        pass

    @otelkit.stage("outer")
    def outer():
        with trace.get_tracer("library").start_as_current_span("theirs"):
            inner()

    @otelkit.stage("inner")
    def inner():
        pass

    before()
    provider = trace.get_tracer_provider()
    simple, batch = InMemorySpanExporter(), InMemorySpanExporter()
    provider.add_span_processor(Baggage())
    {broken}
    provider.add_span_processor(SimpleSpanProcessor(simple))
    provider.add_span_processor(BatchSpanProcessor(batch))
    context.attach(baggage.set_baggage("user", "7"))
    outer()
    provider.force_flush()
    for exporter in (simple, batch):
        spans = exporter.get_finished_spans()
        by_id = {{span.context.span_id: span.name for span in spans}}
        parents = [by_id.get(span.parent.span_id) if span.parent else None for span in spans]
        print([(span.name, parent, span.attributes.get("user")) for span, parent in zip(spans, parents)])
"""


def test_guests_are_told_now_and_whenever_there_is_another() -> None:
    """Whoever makes the spans of stages knows at any time who wants to see them; our own processor is not among them."""
    provider = Provider(shutdown_on_exit=False)
    first, second, own = SpanProcessor(), SpanProcessor(), SpanProcessor()
    told: list[Sequence[SpanProcessor]] = []
    provider.add_span_processor(first)
    provider.add_own(own)
    provider.tell_guests(told.append)
    provider.add_span_processor(second)

    assert told == [(first,), (first, second)]


def test_spans_of_the_sdk_go_to_guests_and_to_us() -> None:
    """Each once."""

    class Seeing(SpanProcessor):
        def __init__(self) -> None:
            self.seen: list[str] = []

        def on_end(self, span: Any) -> None:
            self.seen.append(span.name)

    provider, guest, own = Provider(shutdown_on_exit=False), Seeing(), Seeing()
    provider.add_own(own)
    provider.add_span_processor(guest)
    provider.get_tracer("t").start_span("a").end()

    assert (guest.seen, own.seen) == (["a"], ["a"])


@pytest.mark.parametrize("broken", ["", "provider.add_span_processor(Broken())"], ids=["all well", "one broken"])
def test_a_programs_own_processors_see_its_stages(tmp_path: Path, broken: str) -> None:
    """Added while it runs, stock ones and those that copy baggage, as with the stock SDK; those that raise are left out."""
    program = PROGRAM.format(broken=broken)
    if broken:
        # The SDK lets what a processor raises through to the code that makes the span; only stages are safe from it.
        program = program.replace('with trace.get_tracer("library").start_as_current_span("theirs"):', "if True:")
    write(tmp_path, "app.py", program)
    done = instrument(tmp_path, "python", "app.py", OTEL_TRACES_EXPORTER="none", OTEL_METRICS_EXPORTER="none",
                      OTEL_LOGS_EXPORTER="none")  # fmt: skip
    theirs = [] if broken else [("theirs", "outer", "7")]
    expected = [("inner", "outer" if broken else "theirs", "7"), *theirs, ("outer", None, "7")]

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [str(expected)] * 2
    assert ("span processor Broken (distribution __main__) failed in on_start: RuntimeError" in done.stderr) == bool(
        broken
    )
