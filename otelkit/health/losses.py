"""What runs have lost for good: which signal, how many, why, and what helps next time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from otelkit.model.checks import Finding, Severity
from otelkit.model.signals import Loss
from otelkit.model.views import LossRow, RunRow

_MOST_RUNS: Final = 5
"""Of more runs the newest are told of one by one."""
_ID_LENGTH: Final = 12
_KILLED: Final = 128 + 9
"""Exit code of a program that got SIGKILL."""
_UNFINISHED: Final = "unfinished at exit"

_THINGS: Final[Mapping[str, tuple[str, str]]] = {
    "traces": ("span", "spans"),
    "logs": ("log record", "log records"),
    "metrics": ("metric point", "metric points"),
}
_TIME_OVER: Final = (
    "Raise exit_limit_s, or call otelkit.flush() before the program ends; the doctor says elsewhere if the receiver "
    "is slow or not there."
)


class _Reason(NamedTuple):
    why: str
    """Goes on after "lost 3 spans:"."""
    fix: str


_REASONS: Final[Mapping[str, _Reason]] = {
    Loss.BUFFER_FULL: _Reason(
        "more was made than could be sent, and the memory for what waits was full",
        "Raise buffer_bytes (where a plugin's step or an exporter that is not OTLP is slow: buffer_spans, buffer_records), or "
        "keep fewer traces with OTEL_TRACES_SAMPLER.",
    ),
    Loss.ENCODE_FAILED: _Reason(
        "something in them could not be written as OTLP",
        "The program's own output names what it was, in lines of otelkit.delivery or otelkit.spans; report it if it is a "
        "plain value.",
    ),
    Loss.EXPORT_FAILED: _Reason(
        "the exporter did not take them, and they could not be kept on disk, because the setting spool is off or the exporter "
        "is not an OTLP one",
        "Switch the setting spool on, or correct the endpoint: the doctor looks at it, too.",
    ),
    Loss.SPOOL_FULL: _Reason(
        "nobody took them, and the spool held as many bytes as it may",
        "Start a receiver with `otelkit up`, which takes in what waits there, or raise spool_max_bytes.",
    ),
    Loss.SPOOL_FAILED: _Reason(
        "nobody took them, and the disk did not either: full, read-only, or over a quota",
        "Make room, or set store_dir to a folder on another disk.",
    ),
    Loss.REJECTED: _Reason(
        "the receiver refused them for good: not valid to it, too large, or not wanted",
        "Its own log says why, and so does otelkit's logger otelkit.delivery at level DEBUG. If the requests are too large for "
        "it, lower batch_spans.",
    ),
    Loss.STEP_FAILED: _Reason(
        "a step held them back and failed to give them back",
        "`otelkit plugins` names the step and what it did; mend, update or deny its plugin.",
    ),
    Loss.EXIT_LIMIT: _Reason(
        "the program ended, and exit_limit_s was over before everything was sent or on disk", _TIME_OVER
    ),
    Loss.AFTER_SHUTDOWN: _Reason(
        "they ended after telemetry had been shut down, as the work of threads does that outlive the program's main thread",
        "Join the threads before the program ends, and do not shut the tracer provider down earlier.",
    ),
    _UNFINISHED: _Reason("they were still on their way when the process ended", _TIME_OVER),
}


def find_losses(stored: Iterable[LossRow], noted: Iterable[LossRow]) -> Iterator[Finding]:
    """Yield a finding for each run and reason, those of the newest runs first.

    Args:
        stored: What runs have said themselves while they ran.
        noted: What their processes noted at their end.
    """
    by_run: dict[str, list[LossRow]] = {}
    for row in _joined(stored, noted):
        by_run.setdefault(row.run_id, []).append(row)
    newest_first = sorted(by_run.values(), key=lambda rows: max(row.when for row in rows), reverse=True)
    for number, rows in enumerate(newest_first[:_MOST_RUNS]):
        earlier = len(newest_first) - _MOST_RUNS if number == _MOST_RUNS - 1 else 0
        by_reason: dict[str, list[LossRow]] = {}
        for row in rows:
            by_reason.setdefault(row.reason, []).append(row)
        for reason, lost in by_reason.items():
            yield _finding(reason, lost, max(0, earlier))


def find_killed(runs: Iterable[RunRow], export_delay_s: float) -> Iterator[Finding]:
    """Yield a finding for each run whose program was killed: what it held in memory is counted nowhere.

    Args:
        runs: The newest.
        export_delay_s: Longest time that what ends is held in memory before it is sent.
    """
    for run in runs:
        if run.exit_code == _KILLED:
            yield Finding(
                "run.killed",
                Severity.NOTE,
                f"The program of {_run(run.id, run.name, run.started_at)} was killed (SIGKILL: by somebody, by a container's "
                "limit, or for want of memory).",
                f"What it held in memory is lost and counted nowhere: what ended in its last {export_delay_s:g} s, the calls "
                "that were running, and up to one interval of metrics. What was sent or spooled before is there.",
                "End it with SIGTERM, which leaves it exit_limit_s to send the rest; look for the limit that it met.",
            )


def _joined(stored: Iterable[LossRow], noted: Iterable[LossRow]) -> Iterator[LossRow]:
    """Yield each loss once: the larger number, since neither of the two accounts has what came after its end."""
    found: dict[tuple[str, str, str], LossRow] = {}
    for row in (*noted, *stored):
        key = (row.run_id, row.signal, row.reason)
        before = found.get(key)
        if before is None or row.count > before.count:
            found[key] = row
    yield from found.values()


def _finding(reason: str, lost: Sequence[LossRow], earlier: int) -> Finding:
    known = _REASONS.get(reason)
    amounts = [f"{row.count:,} {_THINGS.get(row.signal, (row.signal,) * 2)[row.count != 1]}" for row in lost]
    newest = max(lost, key=lambda row: row.when)
    what = f"{_run(newest.run_id, newest.run_name, newest.when)} lost {_listed(amounts)}: "
    what += f"{known.why if known else 'a plugin gives this reason'} ({reason})."
    if earlier:
        what += f" So did {earlier} earlier run{'s' if earlier > 1 else ''}, for this or another reason."
    return Finding(
        "telemetry.lost",
        Severity.WARNING,
        what[0].upper() + what[1:],
        _meaning({row.signal for row in lost}),
        known.fix if known else "Ask the authors of the plugin; `otelkit plugins` lists them.",
    )


def _listed(amounts: Sequence[str]) -> str:
    *first, last = amounts
    return f"{', '.join(first)} and {last}" if first else last


def _run(run_id: str, name: str, when: str) -> str:
    if not run_id:
        return f"an earlier run, whose telemetry waited in the spool until {when[:19]}Z,"
    return f"the run {name} ({run_id[:_ID_LENGTH]}, {when[:19]}Z)"


def _meaning(signals: set[str]) -> str:
    parts = []
    if "traces" in signals:
        parts.append("The spans are missing in traces; calls, errors and durations of stages count them all the same.")
    if "logs" in signals:
        parts.append("The log records are nowhere but in the program's own output.")
    if "metrics" in signals:
        parts.append("Curves have gaps, or lack their end; sums are right again with the next point.")
    return " ".join(parts) or "They will never arrive."
