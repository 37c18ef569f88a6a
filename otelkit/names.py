"""Every attribute, metric and event name that otelkit writes, with its meaning, unit and whether it may hold user data.

The reference pages are generated from the tables at the end; nothing else in the project spells these names out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Name:
    """What one name means."""

    key: str
    """As it is written."""
    meaning: str
    """One sentence."""
    unit: str = ""
    """In UCUM notation, as OpenTelemetry writes units; empty where there is none."""
    kind: Literal["attribute", "counter", "updown", "gauge", "histogram", "resource", "event"] = "attribute"
    user_data: bool = False
    """May hold data of the user's own (file names, ids): redactable, never logged by us."""


# -- span attributes -----------------------------------------------------------------------------------------------
PIPELINE_NAME: Final = "pipeline.name"
PIPELINE_RUN_ID: Final = "pipeline.run.id"
PIPELINE_RUN_NAME: Final = "pipeline.run.name"
STAGE_NAME: Final = "pipeline.stage.name"
STAGE_KIND: Final = "pipeline.stage.kind"
STAGE_OUTCOME: Final = "pipeline.stage.outcome"
ITEM_ID: Final = "pipeline.item.id"
ITEM_OUTCOME: Final = "pipeline.item.outcome"
ITEMS_OK: Final = "pipeline.items.ok"
ITEMS_FAILED: Final = "pipeline.items.failed"
ITEMS_SKIPPED: Final = "pipeline.items.skipped"
STAGE_WAIT_S: Final = "pipeline.stage.wait_s"
STAGE_BLOCKED_S: Final = "pipeline.stage.blocked_s"
RUN_TOTAL: Final = "pipeline.run.total"
RUN_PROGRESS: Final = "pipeline.run.progress"
STAGE_STATE: Final = "pipeline.stage.state"
STAGE_OTHER: Final = "pipeline.stage.other"
QUEUE_NAME: Final = "pipeline.queue.name"
QUEUE_STATE: Final = "pipeline.queue.state"
ARGUMENT_PREFIX: Final = "pipeline.argument."
CODE_FUNCTION: Final = "code.function.name"
ERROR_TYPE: Final = "error.type"
ERROR_TYPE_OTHER: Final = "_OTHER"
METRIC_OVERFLOW: Final = "otel.metric.overflow"
CORRELATION_ID: Final = "correlation.id"
USER_ID: Final = "user.id"
REQUEST_ID: Final = "request.id"
EXCEPTION_TYPE: Final = "exception.type"
EXCEPTION_MESSAGE: Final = "exception.message"
EXCEPTION_STACKTRACE: Final = "exception.stacktrace"
EXCEPTION_ESCAPED: Final = "exception.escaped"
SAMPLING_REASON: Final = "otelkit.sampling.reason"
SAMPLING_RATE: Final = "otelkit.sampling.rate"
SAMPLING_CLASS: Final = "otelkit.sampling.class"
SAMPLING_KEPT: Final = "otelkit.sampling.kept"
SERVICE_NAME: Final = "service.name"
SERVICE_INSTANCE_ID: Final = "service.instance.id"
PROCESS_PID: Final = "process.pid"
DISTRO_NAME: Final = "telemetry.distro.name"
DISTRO_VERSION: Final = "telemetry.distro.version"
LOST_SIGNAL: Final = "signal"
LOST_REASON: Final = "reason"
STAGE_ELAPSED_S: Final = "pipeline.stage.elapsed_s"
STAGE_ACTIVE: Final = "pipeline.stage.active"
STEP: Final = "step"

# -- metrics -------------------------------------------------------------------------------------------------------
METRIC_STAGE_DURATION: Final = "pipeline.stage.duration"
METRIC_STAGE_ACTIVE: Final = "pipeline.stage.active"
METRIC_STAGE_ITEMS: Final = "pipeline.stage.items"
METRIC_STAGE_BUSY: Final = "pipeline.stage.busy"
METRIC_STAGE_LONGEST: Final = "pipeline.stage.longest"
METRIC_STAGE_TIME: Final = "pipeline.stage.time"
METRIC_STAGE_SHARED: Final = "pipeline.stage.shared"
METRIC_QUEUE_DEPTH: Final = "pipeline.queue.depth"
METRIC_QUEUE_CAPACITY: Final = "pipeline.queue.capacity"
METRIC_QUEUE_WAIT: Final = "pipeline.queue.wait"
METRIC_QUEUE_TIME: Final = "pipeline.queue.time"
METRIC_RUN_PROGRESS: Final = "pipeline.run.progress"
METRIC_RUN_TOTAL: Final = "pipeline.run.total"
METRIC_RUN_ENDED: Final = "pipeline.run.ended"
METRIC_LOST: Final = "otelkit.telemetry.lost"
METRIC_STEP_FAULTS: Final = "otelkit.step.faults"
METRIC_SAMPLING_DECISIONS: Final = "otelkit.sampling.decisions"
METRIC_SAMPLING_PROBABILITY: Final = "otelkit.sampling.probability"
METRIC_SAMPLING_BUFFER: Final = "otelkit.sampling.buffer.size"
METRIC_SAMPLING_EVICTIONS: Final = "otelkit.sampling.buffer.evictions"
METRIC_SAMPLING_RETAINED: Final = "otelkit.sampling.retained"
METRIC_SAMPLING_CONTROLLER_ERROR: Final = "otelkit.sampling.controller.error"
METRIC_PROCESSING_DURATION: Final = "processing.duration"
METRIC_PROCESSING_OPERATIONS: Final = "processing.operations"
METRIC_ERRORS: Final = "errors"
METRIC_SATISFACTION: Final = "satisfaction.score"
METRIC_PROCESS_CPU: Final = "process.cpu.time"
METRIC_PROCESS_MEMORY: Final = "process.memory.usage"
METRIC_PROCESS_THREADS: Final = "process.thread.count"
METRIC_PROCESS_FILES: Final = "process.unix.file_descriptor.count"

# -- events (log records with an event name) ------------------------------------------------------------------------
EVENT_STAGE_HEARTBEAT: Final = "pipeline.stage.heartbeat"

# -- labels of metrics that a program records by itself (`otelkit.metrics`) -----------------------------------------
LABEL_COMPONENT: Final = "component"
LABEL_OPERATION: Final = "operation"
LABEL_SUCCESS: Final = "success"
LABEL_SERVICE: Final = "service"
LABEL_FUNCTION: Final = "function"
LABEL_ERROR_TYPE: Final = "error_type"
LABEL_ANALYSIS: Final = "analysis"
LABEL_MODEL: Final = "model"
LABEL_QUANTILE: Final = "quantile"
LABEL_CPU_MODE: Final = "cpu.mode"

ATTRIBUTES: Final[tuple[Name, ...]] = (
    Name(PIPELINE_NAME, "The pipeline that a stage or run belongs to."),
    Name(PIPELINE_RUN_ID, "One execution of a pipeline; the same in all its processes. Never a metric attribute."),
    Name(PIPELINE_RUN_NAME, "The name given to `otelkit.run`."),
    Name(STAGE_NAME, "The stage."),
    Name(STAGE_KIND, "How the stage runs: `function`, `coroutine`, `generator`, `async_generator` or `block`."),
    Name(STAGE_OUTCOME, "`ok`, `error` or `cancelled`."),
    Name(ITEM_ID, "Which item the call handled, if known.", user_data=True),
    Name(ITEM_OUTCOME, "`ok`, `failed` or `skipped`; on item counters only."),
    Name(ITEMS_OK, "Items this call handled well.", "{item}"),
    Name(ITEMS_FAILED, "Items this call failed on.", "{item}"),
    Name(ITEMS_SKIPPED, "Items this call left out on purpose.", "{item}"),
    Name(STAGE_WAIT_S, "Time inside the call spent waiting for input.", "s"),
    Name(STAGE_BLOCKED_S, "Time inside the call spent waiting for a full output.", "s"),
    Name(STAGE_ELAPSED_S, "How long the call has been running; on heartbeats only.", "s"),
    Name(STAGE_ACTIVE, "Calls of the stage that run in this process; on heartbeats only.", "{call}"),
    Name(
        RUN_TOTAL, "Items the run expects to handle, if it knows; on the run's root span and on heartbeats.", "{item}"
    ),
    Name(RUN_PROGRESS, "Items the run has handled so far; on heartbeats only.", "{item}"),
    Name(
        STAGE_STATE,
        "`busy`, `starved` (waiting for an item) or `blocked` (waiting for room, or for a generator's consumer); on "
        "`pipeline.stage.time` only.",
    ),
    Name(STAGE_OTHER, "Another stage, on `pipeline.stage.shared` only."),
    Name(QUEUE_NAME, "The name given to `otelkit.watch`."),
    Name(
        QUEUE_STATE, "`full` (somebody waits to put) or `empty` (somebody waits to get); on `pipeline.queue.time` only."
    ),
    Name(
        ARGUMENT_PREFIX + "*",
        "What a describer says of an argument, by the argument's name: sizes and types, or a short value; never a payload. "
        "A value that is the item's id already is left out.",
        user_data=True,
    ),
    Name(CODE_FUNCTION, "Full dotted path of the stage's function."),
    Name(ERROR_TYPE, "Qualified name of the exception that left the stage; absent otherwise."),
    Name(
        METRIC_OVERFLOW, "True on the one series that counts what is beyond a metric's limit of series; metrics only."
    ),
    Name(CORRELATION_ID, "What work is followed by, as given to `otelkit.logs.identify`; logs only.", user_data=True),
    Name(USER_ID, "Who it is done for, as given to `otelkit.logs.identify`; logs only.", user_data=True),
    Name(REQUEST_ID, "Which request asked for it, as given to `otelkit.logs.identify`; logs only.", user_data=True),
    Name(EXCEPTION_TYPE, "Qualified name of the exception; on log records and exception events."),
    Name(EXCEPTION_MESSAGE, "What the exception says.", user_data=True),
    Name(EXCEPTION_STACKTRACE, "Where it was raised.", user_data=True),
    Name(EXCEPTION_ESCAPED, "Whether it left the span, on exceptions that a program records itself."),
    Name(SAMPLING_REASON, "Why this trace was kept."),
    Name(SAMPLING_RATE, "Probability at which it was kept, above 0 to 1.", "1"),
    Name(SAMPLING_CLASS, "`error`, `slow`, `rare` or `normal`, or another reason for a decision; on metrics only."),
    Name(SAMPLING_KEPT, "Whether the traces counted were kept; on metrics only."),
)

RESOURCE_ATTRIBUTES: Final[tuple[Name, ...]] = (
    Name(PIPELINE_RUN_ID, "The run that the process belongs to.", kind="resource"),
    Name(SERVICE_INSTANCE_ID, "This process; a forked child has its own.", kind="resource"),
    Name(PROCESS_PID, "The operating system's number of the process.", kind="resource"),
    Name(DISTRO_NAME, "`otelkit`, when otelkit configured the SDK.", kind="resource"),
    Name(DISTRO_VERSION, "The version of otelkit.", kind="resource"),
)

METRICS: Final[tuple[Name, ...]] = (
    Name(
        METRIC_STAGE_DURATION,
        "Duration of stage calls; every call, whatever is sampled. `error.type` is set on failed calls.",
        "s",
        "histogram",
    ),
    Name(METRIC_STAGE_ACTIVE, "Stage calls running now.", "{call}", "updown"),
    Name(METRIC_STAGE_ITEMS, "Items handled, by `pipeline.item.outcome`.", "{item}", "counter"),
    Name(
        METRIC_STAGE_BUSY,
        "Share of wall time since the last reading in which the stage was running, summed over its workers.",
        "1",
        "gauge",
    ),
    Name(
        METRIC_STAGE_LONGEST,
        "How long the oldest of the stage's calls that run now has been running; 0 when none runs.",
        "s",
        "gauge",
    ),
    Name(
        METRIC_STAGE_TIME,
        "Time of the stage's workers, without that in stages it calls, by `pipeline.stage.state`; of time at a watched queue, "
        "also by `pipeline.queue.name`. "
        "A wait outside any call belongs to the next stage of that task or thread (`get`), or to its last one (`put`).",
        "s",
        "counter",
    ),
    Name(
        METRIC_STAGE_SHARED,
        "1 where one thread or task runs the stage and the one named by `pipeline.stage.other`, so that they share workers; "
        "only of programs that watch queues.",
        "1",
        "gauge",
    ),
    Name(METRIC_QUEUE_DEPTH, "Items in a watched queue.", "{item}", "gauge"),
    Name(METRIC_QUEUE_CAPACITY, "Most items a watched queue can hold; absent for an unbounded one.", "{item}", "gauge"),
    Name(METRIC_QUEUE_WAIT, "Time that `put` or `get` waited, by `operation`.", "s", "histogram"),
    Name(
        METRIC_QUEUE_TIME,
        "Time in which somebody waited at a watched queue, however many they were, by `pipeline.queue.state`.",
        "s",
        "counter",
    ),
    Name(METRIC_RUN_PROGRESS, "Items the run has handled so far.", "{item}", "gauge"),
    Name(METRIC_RUN_TOTAL, "Items the run expects to handle.", "{item}", "gauge"),
    Name(
        METRIC_RUN_ENDED,
        "When the process that began the run ended, Unix time; sent once, with its last metrics.",
        "s",
        "gauge",
    ),
    Name(METRIC_LOST, "Telemetry that could not be delivered, by `signal` and `reason`.", "{span}", "counter"),
    Name(METRIC_STEP_FAULTS, "Faults of plugins contained on the span path, by `step`.", "{fault}", "counter"),
    Name(
        METRIC_SAMPLING_DECISIONS,
        "Decisions of `otelkit_adaptive` and `otelkit_tail`, by `otelkit.sampling.class`, `otelkit.sampling.kept`, pipeline "
        "and stage: one for each trace, and one more for each part that `otelkit_tail` decided on by itself, late or before "
        "the trace's end.",
        "{decision}",
        "counter",
    ),
    Name(
        METRIC_SAMPLING_PROBABILITY,
        "Mean probability at which traces were lately kept, by `otelkit.sampling.class`, or by pipeline and stage.",
        "1",
        "gauge",
    ),
    Name(
        METRIC_SAMPLING_BUFFER,
        "Memory that holds spans until their trace is judged, by its own estimate.",
        "By",
        "gauge",
    ),
    Name(
        METRIC_SAMPLING_EVICTIONS,
        "Decisions on traces before their end, since the buffer was full or they were too old: one for each outermost call "
        "that had ended.",
        "{decision}",
        "counter",
    ),
    Name(
        METRIC_SAMPLING_RETAINED,
        "Spans that are not kept and stay in memory for a while, in case a trigger asks for them.",
        "{span}",
        "gauge",
    ),
    Name(
        METRIC_SAMPLING_CONTROLLER_ERROR,
        "How far what is kept is from its target or budget: (kept - target) / target. Of budgets only while they are exceeded.",
        "1",
        "gauge",
    ),
    Name(METRIC_PROCESSING_DURATION, "Duration of operations given to `record_processing_metrics`.", "s", "histogram"),
    Name(METRIC_PROCESSING_OPERATIONS, "Operations given to `record_processing_metrics`.", "{operation}", "counter"),
    Name(METRIC_ERRORS, "Failures given to `record_error`, and of failed operations.", "{error}", "counter"),
    Name(METRIC_SATISFACTION, "How content users are, 0 to 1, as given to `record_satisfaction`.", "1", "histogram"),
    Name(METRIC_PROCESS_CPU, "Processor time of the process, by `cpu.mode`.", "s", "counter"),
    Name(METRIC_PROCESS_MEMORY, "Memory of the process that is in RAM.", "By", "updown"),
    Name(METRIC_PROCESS_THREADS, "Threads of the process.", "{thread}", "updown"),
    Name(METRIC_PROCESS_FILES, "File descriptors that the process has open.", "{file_descriptor}", "updown"),
)

EVENTS: Final[tuple[Name, ...]] = (
    Name(
        EVENT_STAGE_HEARTBEAT,
        "A stage call has been running for long; told again and again until it ends, with the call's trace and span id, "
        "`pipeline.stage.name`, `pipeline.stage.elapsed_s`, `pipeline.stage.active`, the items it has handled and, if known, "
        "`pipeline.item.id` and how far its run is.",
        kind="event",
        user_data=True,
    ),
)


def meaning_of(key: str) -> str:
    """Return the one sentence that says what the metric ``key`` means."""
    return _METRIC_MEANINGS[key]


_METRIC_MEANINGS: Final = {name.key: name.meaning for name in METRICS}
