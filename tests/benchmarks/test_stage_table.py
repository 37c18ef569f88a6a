"""The stage table's benchmark."""

from __future__ import annotations

from pathlib import Path

from benchmarks import stage_table
from benchmarks.made_spans import RUN_ID, SPANS_A_REQUEST, STAGES
from otelkit.embedded.store import open_reader


def test_the_store_that_is_measured_has_what_it_claims(tmp_path: Path) -> None:
    """It holds every span of one run of an hour, in eight stages and sixty minutes."""
    path = tmp_path / "telemetry.db"
    stage_table.fill(path, 5 * SPANS_A_REQUEST)
    reader = open_reader(path)
    run = reader.run(RUN_ID)
    minutes = {row.started_at for row in reader.minutes(RUN_ID)}
    reader.close()

    assert run is not None
    assert {row.name: row.calls for row in run.stages} == dict.fromkeys(STAGES, 5 * SPANS_A_REQUEST // len(STAGES))
    assert len(minutes) in (60, 61)
    assert stage_table.cold(path)["ms"] > 0
