"""The tables of the embedded store.

Everything that repeats is stored once and named by a small number; a span is one narrow row, clustered by its trace.
Numbers are given out in the order of arrival, so that ``arrival`` turns a point in time into a range of each of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

APPLICATION_ID: Final = 0x6F74_6B31
"""Marks the file as ours ("otk1")."""

VERSION: Final = 2
"""Of the tables below. A file with a higher one is refused."""

_LATER: Final = """
CREATE {temporary} TABLE stage_series (  -- what metrics say of stages, series by series, whatever was sampled
    series INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    stage TEXT NOT NULL,
    pipeline TEXT,
    metric TEXT NOT NULL,
    label TEXT,               -- error.type of calls, outcome of items, state of time; NULL: none
    first_ns INTEGER NOT NULL,
    last_ns INTEGER NOT NULL,
    total REAL NOT NULL,      -- calls, items or seconds
    sum_s REAL NOT NULL,      -- of calls: their durations
    low_s REAL, high_s REAL,  -- of calls: the shortest and the longest, if told
    histogram BLOB,           -- of calls: see `intervals.py`
    recent BLOB NOT NULL      -- the last totals with their times
);
CREATE {temporary} TABLE heartbeat (     -- stage calls that run for long, as last told
    run INTEGER NOT NULL,
    call BLOB NOT NULL,       -- span id, or what else tells it from others
    trace_id BLOB NOT NULL,
    span_id BLOB NOT NULL,
    stage TEXT NOT NULL,
    item TEXT,
    elapsed_ns INTEGER NOT NULL,
    told_ns INTEGER NOT NULL,
    gap_ns INTEGER NOT NULL,  -- time between two of them
    PRIMARY KEY (run, call)
) WITHOUT ROWID;
"""
_INDEX: Final = "CREATE INDEX stage_series_by_run ON stage_series (run);\n"

UPGRADES: Final = {
    1: _LATER.format(temporary="")
    + _INDEX
    + """
ALTER TABLE run ADD COLUMN told_end_ns INTEGER;
ALTER TABLE rollup ADD COLUMN seen REAL NOT NULL DEFAULT 0;
UPDATE rollup SET seen = calls;
""",
}
"""What makes the tables of one version those of the next."""

STAND_INS: Final = {
    1: _LATER.format(temporary="TEMP")
    + """
CREATE TEMP VIEW run AS SELECT *, NULL AS told_end_ns FROM main.run;
CREATE TEMP VIEW rollup AS SELECT *, calls AS seen FROM main.rollup;
""",
}
"""What a reader, who changes nothing, puts in the place of what a file of an older version lacks."""

TABLES: Final = (
    """
CREATE TABLE attribute (      -- the dictionary of attributes that repeat, and of the keys of those that do not
    id INTEGER PRIMARY KEY,
    raw BLOB NOT NULL,        -- KeyValue message; without a value: only a key
    used_h INTEGER NOT NULL   -- hour since 1970 in which it was last seen, at the latest
);
CREATE TABLE run (
    no INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    told_name TEXT,           -- by the run's root span
    given_name TEXT,          -- by set_run
    service TEXT,
    state TEXT,
    exit_code INTEGER,
    command TEXT,
    started_ns INTEGER,       -- by set_run; all times are Unix nanoseconds
    ended_ns INTEGER,
    first_ns INTEGER,         -- of the data
    last_ns INTEGER,
    arrived_ns INTEGER NOT NULL,
    spans INTEGER NOT NULL DEFAULT 0,
    logs INTEGER NOT NULL DEFAULT 0,
    points INTEGER NOT NULL DEFAULT 0,
    total INTEGER,            -- items expected, by the root span
    first_trace INTEGER, last_trace INTEGER,
    first_log INTEGER, last_log INTEGER,
    first_point INTEGER, last_point INTEGER,
    slowest TEXT,             -- JSON of notable stage calls, see `notable.py`
    last_failed TEXT,
    told_end_ns INTEGER       -- by the process that began the run
);
CREATE TABLE resource (
    id INTEGER PRIMARY KEY,
    raw BLOB NOT NULL,
    schema_url TEXT NOT NULL,
    run INTEGER NOT NULL      -- of items that name none themselves
);
CREATE TABLE scope (id INTEGER PRIMARY KEY, raw BLOB NOT NULL, schema_url TEXT NOT NULL);
CREATE TABLE shape (          -- what spans of one kind have in common
    id INTEGER PRIMARY KEY,
    resource INTEGER NOT NULL,
    scope INTEGER NOT NULL,
    run INTEGER NOT NULL,
    name TEXT,                -- NULL: the name is in span.rest, because there are too many
    kind INTEGER NOT NULL
);
CREATE TABLE trace (
    no INTEGER PRIMARY KEY,
    trace_id BLOB NOT NULL UNIQUE,
    arrived_s INTEGER NOT NULL -- Unix seconds of the last arrival, a minute exact
);
CREATE TABLE span (
    trace INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    span_id BLOB NOT NULL,
    parent BLOB,
    shape INTEGER NOT NULL,
    start_ns INTEGER NOT NULL,
    duration_ns INTEGER NOT NULL,
    bits INTEGER NOT NULL,    -- flags * 4 + status code
    attributes BLOB NOT NULL, -- see `dictionary.py`
    rest BLOB,                -- other fields of the Span message as they came
    PRIMARY KEY (trace, seq)
) WITHOUT ROWID;
CREATE TABLE log (
    id INTEGER PRIMARY KEY,
    trace INTEGER,
    span_id BLOB,
    run INTEGER NOT NULL,
    resource INTEGER NOT NULL,
    scope INTEGER NOT NULL,
    time_ns INTEGER NOT NULL,
    severity INTEGER NOT NULL,
    severity_text TEXT NOT NULL,
    body,                     -- text, or the AnyValue message of anything else
    attributes BLOB NOT NULL,
    rest BLOB                 -- other fields of the LogRecord message as they came
);
CREATE INDEX log_by_trace ON log (trace) WHERE trace IS NOT NULL;
CREATE TABLE metric (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    unit TEXT NOT NULL,
    data INTEGER NOT NULL,    -- field of the Metric message that holds the points
    temporality INTEGER NOT NULL,
    monotonic INTEGER NOT NULL,
    metadata BLOB NOT NULL
);
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    metric INTEGER NOT NULL,
    resource INTEGER NOT NULL,
    scope INTEGER NOT NULL,
    run INTEGER NOT NULL,
    attributes BLOB NOT NULL, -- KeyValue fields (tag 0x0a), sorted
    last_ns INTEGER NOT NULL,
    last_value REAL,          -- sum of all so far for delta sums
    UNIQUE (metric, resource, scope, attributes)
);
CREATE INDEX series_by_run ON series (run, metric);
CREATE TABLE point (
    id INTEGER PRIMARY KEY,
    series INTEGER NOT NULL,
    time_ns INTEGER NOT NULL,
    value,                    -- of a number; NULL for all else
    rest BLOB                 -- other fields of the data point as they came
);
CREATE TABLE rollup (         -- stage calls, per run, stage and minute; minute 0 holds the whole run
    run INTEGER NOT NULL,
    stage TEXT NOT NULL,
    minute INTEGER NOT NULL,  -- since 1970, in which the calls ended
    pipeline TEXT,
    calls REAL NOT NULL,      -- weighted by sampling probability, like all that follows
    failed REAL NOT NULL,
    items_ok REAL NOT NULL,
    items_failed REAL NOT NULL,
    items_skipped REAL NOT NULL,
    busy_ns REAL NOT NULL,
    first_ns INTEGER NOT NULL,-- start of the earliest call
    histogram BLOB NOT NULL,  -- see `sketch.py`
    recent BLOB,              -- minute 0 only: the last seconds one by one
    seen REAL NOT NULL,       -- calls whose spans arrived, each counted once
    PRIMARY KEY (run, stage, minute)
) WITHOUT ROWID;
CREATE TABLE counter (name TEXT PRIMARY KEY, next INTEGER NOT NULL) WITHOUT ROWID  -- numbers are not given out twice
;
CREATE TABLE request (id INTEGER PRIMARY KEY, digest BLOB NOT NULL);
CREATE TABLE arrival (        -- the first numbers given out in each minute in which anything arrived
    minute INTEGER PRIMARY KEY,
    trace INTEGER NOT NULL,
    log INTEGER NOT NULL,
    point INTEGER NOT NULL
);
"""
    + _LATER.format(temporary="")
    + _INDEX
)


def statements(script: str) -> Iterator[str]:
    """Yield the statements of one of the scripts above one by one, so that they can run in a transaction."""
    return (statement for statement in script.split(";\n") if statement.strip())
