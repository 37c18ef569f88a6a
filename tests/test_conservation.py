"""Nothing disappears: what the account says is where the spans are."""

from __future__ import annotations

import io
import random
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otelkit._assembly.encoders import encoder
from otelkit.delivery import circuit
from otelkit.delivery.exporters import DeliveredSpanExporter
from otelkit.delivery.notice import Notice
from otelkit.delivery.spool import Spool, read_spool
from otelkit.ledger.ledger import Ledger
from otelkit.model.blueprint import Offered
from otelkit.model.steps import Phase, SpanStep
from otelkit.spans.chain import Chain
from otelkit.spans.outbox import Outbox
from tests.forking import in_child

pytestmark = pytest.mark.sdk

THREADS, SPANS = 4, 1500


class Unreliable(SpanExporter):
    """Takes a batch, refuses it, raises, or keeps everybody waiting; remembers what it took."""

    def __init__(self, seed: int) -> None:
        self.taken: Counter[int] = Counter()
        self._chance = random.Random(seed)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        dice = self._chance.random()
        if dice < 0.2:
            return SpanExportResult.FAILURE
        if dice < 0.4:
            raise ConnectionError("gone")
        if dice < 0.5:
            threading.Event().wait(0.02)
        self.taken.update(span.context.span_id for span in spans if span.context)
        return SpanExportResult.SUCCESS

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True

    def shutdown(self) -> None:
        pass


class Unruly(SpanStep):
    """Drops some spans, fails on some, holds some for a while, and keeps account of what it dropped."""

    name, phase = "unruly", Phase.JUDGE

    def __init__(self, seed: int) -> None:
        self.dropped = 0
        self._kept: list[ReadableSpan] = []
        self._chance = random.Random(seed)

    def on_end(self, span: ReadableSpan) -> Iterable[ReadableSpan]:
        dice = self._chance.random()
        if dice < 0.1:
            self.dropped += 1
            return ()
        if dice < 0.2:
            raise RuntimeError("broken")
        if dice < 0.25:
            return None  # type: ignore[return-value] # rubbish on purpose
        if dice < 0.5:
            self._kept.append(span)
            return [self._kept.pop(0)] if len(self._kept) > 20 else ()
        return (span,)

    def held(self) -> int:
        return len(self._kept)

    def close(self, timeout_s: float) -> Iterable[ReadableSpan]:
        kept, self._kept = self._kept, []
        return kept

    def after_fork(self) -> None:
        self._kept = []
        self.dropped = 0


class Whole:
    """The whole path of spans, with faults everywhere and every bound too small."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.ledger = Ledger()
        self.folder = folder
        self.exporter = Unreliable(seed)
        self.step = Unruly(seed)
        out = DeliveredSpanExporter(
            "unreliable", lambda: self.exporter, account=self.ledger, spool=Spool(folder, 60_000, self.ledger),
            notice=Notice(folder, stream=io.StringIO()), encode=encoder("traces"), export_limit_s=5.0,
        )  # fmt: skip
        chain = Chain([Offered("test", "otelkit-test", self.step)], out.export, account=self.ledger)
        self.processor = Outbox(
            chain, self.ledger, limit=400, batch=50, delay_s=0.005, exit_limit_s=20.0, destinations=[out]
        )
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(self.processor)

    def make_spans(self) -> set[int]:
        """Make spans in several threads, reading the account meanwhile; return their ids."""
        tracer = self.provider.get_tracer("t")
        made: set[int] = set()

        def work() -> None:
            for _ in range(SPANS):
                span = tracer.start_span("x")
                made.add(span.get_span_context().span_id)
                span.end()

        threads = [threading.Thread(target=work) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            assert self.ledger.counts("traces").pending >= 0
        return made

    def on_disk(self) -> Counter[int]:
        found: Counter[int] = Counter()
        for request in read_spool(self.folder):
            message = ExportTraceServiceRequest.FromString(request.body)
            ids = [int.from_bytes(span.span_id) for span in message.resource_spans[0].scope_spans[0].spans]
            assert len(ids) == request.count
            found.update(ids)
        return found

    def check(self, made: set[int], on_disk: Counter[int]) -> None:
        """Compare the account with where each span really is."""
        counts = self.ledger.counts("traces")
        assert counts.created == len(made) == THREADS * SPANS
        assert counts.delivered == self.exporter.taken.total()
        assert counts.spooled == on_disk.total()
        assert counts.dropped == self.step.dropped
        assert counts.pending == 0
        everywhere = self.exporter.taken + on_disk
        assert set(everywhere.values()) <= {1}, "a span is in two places"
        assert set(everywhere) <= made
        lost = len(made) - len(everywhere) - self.step.dropped
        assert sum(counts.lost.values()) == lost
        assert set(counts.lost) <= {"buffer_full", "spool_full"}


@pytest.fixture(autouse=True)
def _try_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circuit, "TRY_AGAIN_S", 0.0)


@pytest.mark.parametrize("seed", range(3))
def test_every_span_is_where_the_account_says(tmp_path: Path, seed: int) -> None:
    """Delivered, on disk, dropped on purpose or lost for a reason: each exactly once, under every fault at a time."""
    whole = Whole(tmp_path, seed)
    made = whole.make_spans()
    whole.provider.shutdown()

    whole.check(made, whole.on_disk())


def test_a_child_has_an_account_of_its_own(tmp_path: Path) -> None:
    """Forked in the middle of it all, parent and child both add up, and share no span."""
    whole = Whole(tmp_path / "parent", 7)
    forked: list[Any] = []

    def child() -> object:
        whole.exporter.taken.clear()
        whole.folder = tmp_path / "child"
        whole.processor._destinations[0]._delivery._spool = Spool(whole.folder, 60_000, whole.ledger)  # type: ignore[attr-defined]
        made = whole.make_spans()
        whole.provider.shutdown()
        whole.check(made, whole.on_disk())
        return True

    def fork() -> None:
        forked.append(in_child(child, timeout_s=60))

    forking = threading.Thread(target=fork)
    forking.start()
    made = whole.make_spans()
    forking.join()
    whole.provider.shutdown()

    assert forked == [True]
    whole.check(made, whole.on_disk())
