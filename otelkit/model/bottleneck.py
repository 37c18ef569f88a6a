"""Which stage limits a pipeline, and how one can tell."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from otelkit.model.views import QueueRow, RunRow, StageRow

_LEAST_BUSY: Final = 0.5
"""A stage whose workers do less than this share of the time limits nothing: something outside of all stages does."""

_WORTH_SAYING: Final = 0.1
"""Share of time from which a wait is evidence."""

_WEIGHT: Final = 0.1
"""Of what the neighbours say, against how busy the stage is itself: it decides between stages that are about equally busy."""

_LEAST_TIME: Final = 0.5
"""Workers that a stage must have, on average, to be judged by their time alone."""

_SLACK: Final = 0.1
"""By how much of a worker the workers' time may be above a whole number of them."""

_NO_STAGE: Final = StageRow("", 0, 0, 0, None, None, 0.0)
_NO_QUEUE: Final = QueueRow("", 0, None)


@dataclass(frozen=True, slots=True)
class _Crew:
    """Workers, and the stages that they run one after the other; most run one only. Times are sums over all of them."""

    stages: tuple[StageRow, ...]
    working: float
    time: float
    """Working, starved and blocked, as a share of wall time."""
    workers: int
    busy: float
    """Share of the workers' time in which they were at work, whichever stage it was."""


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """The stage that limits the pipeline: more workers or faster code anywhere else would gain little."""

    stage: str
    busy: float
    """Share of its workers' time in which they were at work in it, 0 to 1."""
    workers: int
    """How many worked at a time, at most, in it or in stages that the same workers run."""
    sentence: str
    """For people: what limits, and the evidence."""


def bottleneck_of(run: RunRow) -> Bottleneck | None:
    """Return the stage that limits a run, or the part of a run that `since` returns; None where nothing can be told.

    That is the stage whose workers are busiest at work of their own; of workers that are about equally busy those whose input
    queue is fuller and whose takers wait more. Of stages that the same workers run one after the other it is the one that they
    spend most time in. Nothing is told without metrics, of a single stage, and while no workers are busy for half of the time.
    """
    stages = [stage for stage in run.stages if stage.working is not None]
    if len(stages) < 2:
        return None
    queues = {queue.name: queue for queue in run.queues}
    ranked = [(crew.busy + _WEIGHT * _pressure(crew, stages, queues), crew) for crew in _crews(stages)]
    crew = max(ranked, key=lambda each: each[0])[1]
    if crew.busy < _LEAST_BUSY:
        return None
    stage = max(crew.stages, key=lambda each: each.working or 0.0)
    busy = crew.busy * ((stage.working or 0.0) / crew.working if crew.working else 0.0)
    facts = [_share(stage, crew, busy, stages), *_evidence(crew, stages, queues)]
    return Bottleneck(stage.name, busy, crew.workers, f"{stage.name} limits: {', '.join(facts)}")


def since(run: RunRow, earlier: RunRow) -> RunRow:
    """Return a run whose shares of time are of what happened after ``earlier``, a former state of it.

    Without metrics newer than those of ``earlier`` it has no shares.
    """
    if run.measured_s is None:
        return run
    before_s = earlier.measured_s or 0.0
    window_s = run.measured_s - before_s
    stages_before = {stage.name: stage for stage in earlier.stages}
    queues_before = {queue.name: queue for queue in earlier.queues}

    def share(now: float | None, before: float | None) -> float | None:
        if now is None or window_s <= 0:
            return None
        return max(0.0, (now * (run.measured_s or 0.0) - (before or 0.0) * before_s) / window_s)

    def stage_since(stage: StageRow) -> StageRow:
        before = stages_before.get(stage.name, _NO_STAGE)
        return replace(
            stage,
            working=share(stage.working, before.working),
            starved=share(stage.starved, before.starved),
            blocked=share(stage.blocked, before.blocked),
        )

    def queue_since(queue: QueueRow) -> QueueRow:
        before = queues_before.get(queue.name, _NO_QUEUE)
        return replace(queue, full=share(queue.full, before.full), empty=share(queue.empty, before.empty))

    return replace(
        run,
        stages=tuple(map(stage_since, run.stages)),
        queues=tuple(map(queue_since, run.queues)),
        measured_s=window_s if window_s > 0 else None,
    )


def _crews(stages: Sequence[StageRow]) -> list[_Crew]:
    left = {stage.name: stage for stage in stages}
    crews = []
    while left:
        first = left.pop(next(iter(left)))
        mates = [name for name in (*first.shares_with, *_pool_of(first, stages)) if name in left]
        crews.append(_crew((first, *(left.pop(name) for name in mates))))
    return crews


def _pool_of(stage: StageRow, stages: Iterable[StageRow]) -> tuple[str, ...]:
    """Return the stages that the same pool of processes runs, as far as that can be told where no queue tells of workers.

    They have run in as many processes, and took no more time together than these had.
    """
    if stage.processes < 2 or not _is_loose(stage):
        return ()
    pool = [each for each in stages if each.processes == stage.processes and _is_loose(each)]
    return tuple(each.name for each in pool) if sum(map(_time, pool)) <= stage.processes + _SLACK else ()


def _is_loose(stage: StageRow) -> bool:
    """Return whether nothing tells of the stage's workers: neither queues, nor other stages that they run."""
    return not (stage.takes_from or stage.puts_into or stage.starved or stage.blocked or stage.shares_with)


def _crew(stages: tuple[StageRow, ...]) -> _Crew:
    working = sum(stage.working or 0.0 for stage in stages)
    time = sum(map(_time, stages))
    workers = max(1, *(stage.processes for stage in stages), math.ceil(time - _SLACK))
    # Workers may start late and end early: that is no time of theirs. A stage that runs only now and then limits nothing.
    known = time > working
    busy = working / time * min(1.0, time / _LEAST_TIME) if known else min(1.0, working / workers)
    return _Crew(stages, working, time, workers, busy)


def _time(stage: StageRow) -> float:
    """Return the time of its workers, as a share of wall time."""
    return (stage.working or 0.0) + (stage.starved or 0.0) + (stage.blocked or 0.0)


def _workers_of(stage: StageRow) -> float:
    """Return how many workers it has on average, at least one."""
    return max(1.0, _time(stage))


def _waiting(stage: StageRow, wait: float | None) -> float:
    """Return the share of its workers' time in which a stage waited."""
    return (wait or 0.0) / _workers_of(stage)


def _pressure(crew: _Crew, stages: Iterable[StageRow], queues: Mapping[str, QueueRow]) -> float:
    """Return how much the neighbours wait for the workers, 0 to 1."""
    full = max((queues[name].full or 0.0 for name in _takes_from(crew) if name in queues), default=0.0)
    starved = max((_waiting(each, each.starved) for each in _takers(crew, stages)), default=0.0)
    return (min(1.0, full) + starved) / 2


def _takes_from(crew: _Crew) -> set[str]:
    return {name for stage in crew.stages for name in stage.takes_from}


def _others(crew: _Crew, stages: Iterable[StageRow]) -> list[StageRow]:
    return [each for each in stages if each not in crew.stages]


def _takers(crew: _Crew, stages: Iterable[StageRow]) -> list[StageRow]:
    puts_into = {name for stage in crew.stages for name in stage.puts_into}
    return [each for each in _others(crew, stages) if not puts_into.isdisjoint(each.takes_from)]


def _share(stage: StageRow, crew: _Crew, busy: float, stages: Sequence[StageRow]) -> str:
    """Return how busy the workers are with the stage, and with what else they run."""
    workers = crew.workers
    if _is_unknown(crew, stages):
        everything = sum(each.working or 0.0 for each in stages)
        return f"{_percent((stage.working or 0.0) / everything)} of the work in all stages"
    said = f"busy {_percent(busy)} of {workers} worker{'s' if workers > 1 else ''}"
    besides = sorted((each for each in crew.stages if each is not stage), key=lambda each: -(each.working or 0.0))
    more = crew.busy - busy
    if more < _WORTH_SAYING:
        return said
    what = besides[0].name if len(besides) == 1 else f"{len(besides)} other stages"
    return f"{said} (and {_percent(more)} with {what})"


def _is_unknown(crew: _Crew, stages: Iterable[StageRow]) -> bool:
    """Return whether nobody knows which workers run the stage: it is not alone, and there is more than one."""
    loose = [stage for stage in stages if _is_loose(stage)]
    alone = len(crew.stages) > 1 or len(loose) < 2 or crew.stages[0] not in loose
    return not alone and math.ceil(sum(map(_time, loose)) - _SLACK) > 1


def _evidence(crew: _Crew, stages: Sequence[StageRow], queues: Mapping[str, QueueRow]) -> list[str]:
    """Return what the neighbours say: the queue that is full before the workers, and who waits for them.

    Of a stage that a worker calls between ``get`` and ``put`` in a stage of its own the neighbours may not be known; what is
    said then is which queue is fullest and who waits most.
    """
    known = any(stage.takes_from or stage.puts_into for stage in crew.stages)
    facts = []
    before = [queues[name] for name in sorted(_takes_from(crew)) if name in queues] if known else list(queues.values())
    fullest = max(before, key=lambda queue: queue.full or 0.0, default=None)
    if fullest is not None and (fullest.full or 0.0) >= _WORTH_SAYING:
        which = "its input queue" if known else "queue"
        facts.append(f"{which} `{fullest.name}` is full {_percent(fullest.full or 0.0)} of the time")
    others = _others(crew, stages)
    waits = [(_waiting(each, each.starved), each, "waits") for each in (_takers(crew, stages) if known else others)]
    if not facts:
        # No full queue tells of those before it: a generator's consumer, or a put into a queue that is not watched here.
        waits += [(_waiting(each, each.blocked), each, "is blocked") for each in others]
    longest = max(waits, key=lambda wait: wait[0], default=None)
    if longest is not None and longest[0] >= _WORTH_SAYING:
        facts.append(f"{longest[1].name} {longest[2]} {_percent(longest[0])}")
    return facts


def _percent(share: float) -> str:
    return f"{round(100 * min(1.0, share))} %"
