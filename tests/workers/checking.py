"""What a program of the matrix wrote down itself, beside what arrived of it."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from otelkit import names
from tests.otlp_server import OtlpServer, Span, otlp_server
from tests.programs import instrument
from tests.workers.matrix import PROGRAMS, Row

# Any below: facts and attribute values as they came, JSON.
Fact = dict[str, Any]

COMPLAINTS = ("otelkit:", "Failed to detach", "Exception ignored", "Task was destroyed", "RuntimeWarning")
"""What must not be among a program's messages."""


@dataclass(frozen=True, slots=True)
class Ran:
    """A program that has ended, and what arrived of it."""

    facts: dict[str, Fact]
    """What it wrote down: by span id, one stage call or run each."""
    server: OtlpServer
    done: subprocess.CompletedProcess[str]

    def of(self, column: str) -> Cell:
        """Return one column's part."""
        run = next(fact for fact in self.facts.values() if fact.get("is_run") and fact["stage"] == column)
        # By what whoever gave the work away says, so that one which ran in a trace of its own is missed in its right one.
        calls = [fact for fact in self.facts.values() if fact["parent"][0] == run["trace"]]
        return Cell(column, run, [fact for fact in calls if fact.get("outcome") != "killed"], calls, self)


@dataclass(frozen=True, slots=True)
class Cell:
    """What belongs to one cell of the matrix."""

    column: str
    run: Fact
    ended: list[Fact]
    """The calls that ended, in whatever way."""
    begun: list[Fact]
    """These, and those whose process or thread was killed in the middle."""
    ran: Ran

    # Each pair below says first what must be, then what arrived.

    def true_spans(self) -> list[tuple[Any, ...]]:
        """Name, ids, parent, process, run, outcome, error and links of each span, as the program wrote them down."""
        calls = [
            (
                fact["stage"], *fact["parent"], fact["span"], fact["pid"], self._run_id(), fact.get("outcome", "ok"),
                fact.get("error"), sorted(tuple(link) for link in fact.get("links", ())),
            )
            for fact in self.ended
        ]  # fmt: skip
        run = self.run
        return sorted(
            [*calls, (run["stage"], run["trace"], "", run["span"], run["pid"], self._run_id(), "ok", None, [])], key=str
        )

    def spans(self) -> list[tuple[Any, ...]]:
        """Return the same of the spans that arrived."""
        return sorted(
            (
                (
                    span.name, span.trace_id, span.parent_id, span.span_id, span.resource[names.PROCESS_PID],
                    span.attributes.get(names.PIPELINE_RUN_ID), span.attributes.get(names.STAGE_OUTCOME, "ok"),
                    span.attributes.get(names.ERROR_TYPE),
                    sorted((link.trace_id.hex(), link.span_id.hex()) for link in span.raw.links),
                )
                for span in self._arrived()
            ), key=str,
        )  # fmt: skip

    def true_log_lines(self) -> list[tuple[Any, ...]]:
        """Text, ids and process of the line that each ended call has logged."""
        return sorted((f"working {fact['span']}", fact["parent"][0], fact["span"], fact["pid"]) for fact in self.ended)

    def log_lines(self) -> list[tuple[Any, ...]]:
        """Return the same of the lines that arrived; those of killed calls may have arrived or not."""
        killed = {fact["span"] for fact in self.begun} - {fact["span"] for fact in self.ended}
        ours = {fact["span"] for fact in self.begun}
        lines = [
            (log.body, log.trace_id, log.span_id, log.resource[names.PROCESS_PID])
            for log in self.ran.server.logs
            if log.span_id in ours or str(log.body).rpartition(" ")[2] in ours
        ]
        return sorted(line for line in lines if line[2] not in killed)

    def true_counts(self) -> Counter[tuple[str, str | None]]:
        """Ended calls by stage and error."""
        return Counter((fact["stage"], fact.get("error")) for fact in self.ended)

    def counts(self) -> Counter[tuple[str, str | None]]:
        """Return the same from the metrics of all processes together."""
        found = self._added_up(names.METRIC_STAGE_DURATION, names.STAGE_NAME, names.ERROR_TYPE)
        return Counter({(stage, error): count for (stage, error), count in found.items()})

    def true_items(self) -> Counter[tuple[str, str]]:
        """Items by stage and outcome."""
        items: Counter[tuple[str, str]] = Counter()
        for fact in self.ended:
            outcome = fact.get("outcome", "ok")
            items[fact["stage"], "ok"] += fact.get("ok", outcome == "ok")
            items[fact["stage"], "failed"] += fact.get("failed", outcome == "error")
        return +items

    def items(self) -> Counter[tuple[str, str]]:
        """Return the same from the metrics of all processes together."""
        found = self._added_up(names.METRIC_STAGE_ITEMS, names.STAGE_NAME, names.ITEM_OUTCOME)
        return Counter({(stage, str(outcome)): count for (stage, outcome), count in found.items()})

    def identities(self) -> list[int]:
        """Return how many ``service.instance.id`` each process has, and how many processes each of these."""
        pairs = {
            (span.resource[names.PROCESS_PID], span.resource[names.SERVICE_INSTANCE_ID]) for span in self._arrived()
        }
        return [*Counter(pid for pid, _ in pairs).values(), *Counter(instance for _, instance in pairs).values()]

    def _arrived(self) -> Iterable[Span]:
        ours = {fact["span"] for fact in self.begun}
        return [span for span in self.ran.server.spans if span.trace_id == self.run["trace"] or span.span_id in ours]

    def _run_id(self) -> object:
        return next(
            (
                span.attributes[names.PIPELINE_RUN_ID]
                for span in self.ran.server.spans
                if span.span_id == self.run["span"]
            ),
            "the run's span has not arrived",
        )

    def _added_up(self, metric: str, *keys: str) -> dict[tuple[Any, ...], int]:
        last: dict[tuple[Any, ...], int] = {}
        for point in self.ran.server.points:
            if point.metric == metric and point.attributes[names.PIPELINE_NAME] == self.column:
                who = (point.resource[names.SERVICE_INSTANCE_ID], *(point.attributes.get(key) for key in keys))
                count = point.raw.count if hasattr(point.raw, "count") else point.raw.as_int
                last[who] = max(last.get(who, 0), count)
        added: dict[tuple[Any, ...], int] = {}
        for (_, *what), count in last.items():
            if count:
                added[tuple(what)] = added.get(tuple(what), 0) + count
        return added


def run_row(row: Row, folder: Path) -> Ran:
    """Run the program of a row, all its columns one after the other, and return what came of it."""
    truth = folder / "truth"
    with otlp_server() as server:
        done = instrument(
            folder,
            "python",
            str(PROGRAMS / f"{row.program}.py"),
            *row.columns,
            timeout_s=120,
            OTEL_EXPORTER_OTLP_ENDPOINT=server.url,
            # A line more on a slow machine, which no cell is about.
            OTEL_PYTHON_OTELKIT_HEARTBEAT_S="0",
            TRUTH=str(truth),
            **row.env,
        )
    facts: dict[str, Fact] = {}
    for line in truth.read_text(encoding="utf-8").splitlines():
        fact = json.loads(line)
        facts.setdefault(fact["span"], {}).update(fact)
    return Ran(facts, server, done)


def complaints(stderr: str) -> list[str]:
    """Return the lines of a program's messages that nobody should have to read."""
    return [line for line in stderr.splitlines() if any(word in line for word in COMPLAINTS)]


def lost(server: OtlpServer) -> list[tuple[dict[str, Any], int]]:
    """Return what the processes say that they have lost."""
    return [
        (point.attributes, point.raw.as_int)
        for point in server.points
        if point.metric == names.METRIC_LOST and point.raw.as_int
    ]
