"""A disk that takes no more: what can't be kept is counted, and nothing else happens."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.drills.chances import rounds
from tests.drills.programs import Ended, items, run, spooled_spans
from tests.otlp_server import OtlpServer

NOWHERE = "http://127.0.0.1:9"

# The limit is on each file, as quotas and full disks are felt: by an error while writing.
LIMITED = """
    import resource, sys
    import account, otelkit
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))

    @otelkit.stage("load", item="name")
    def load(name):
        return name

    for number in range(int(sys.argv[1])):
        load(f"item-{number:06}")
    otelkit.flush(1.0)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    for number in range(int(sys.argv[1]), 2 * int(sys.argv[1])):
        load(f"item-{number:06}")
    print("done")
"""

FILLED = """
    import account, otelkit, sys

    @otelkit.stage("load", item="name")
    def load(name):
        return name

    for number in range(int(sys.argv[1])):
        load(f"item-{number:06}" + "x" * 90)
        if number % 100 == 99:
            otelkit.flush(0.5)
    print("done")
"""


def conserved(done: Ended, folder: Path, made: int) -> Counter[str]:
    """Check that each item is in the spool once or counted as lost; return what is in the spool."""
    assert (done.code, done.stdout) == (0, "done\n"), done.stderr
    done.spans.check()
    kept = items(spooled_spans(folder))
    assert set(kept.values()) <= {1}
    assert done.spans.created == made
    assert done.spans.delivered == 0
    assert done.spans.spooled == kept.total()
    assert sum(done.spans.lost.values()) == made - kept.total()
    return kept


def test_a_disk_that_refuses_costs_no_more_than_what_it_refused(tmp_path: Path) -> None:
    """Spans that can't be written are counted by reason and said at exit; when there is room again, the spool goes on."""
    for number, chance in enumerate(rounds(short=2)):
        folder = tmp_path / str(number)
        folder.mkdir()
        limit = chance.choice([0, 1, 100, 4096, chance.randrange(1, 60_000)])
        done = run(folder, LIMITED, NOWHERE, "300", str(limit))
        kept = conserved(done, folder, 600)

        # The spool may have kept the first half in memory until there was room: that is no fault.
        assert {f"item-{item:06}" for item in range(300, 600)} <= set(kept)
        if lost := sum(done.spans.lost.values()):
            assert f"lost {lost} span" in done.stderr


@pytest.mark.parametrize("most", [0, 20_000])
def test_a_spool_keeps_to_its_size(tmp_path: Path, most: int) -> None:
    """No more bytes than the setting allows are on disk, and what had no place is counted."""
    done = run(tmp_path, FILLED, NOWHERE, "1000", OTEL_PYTHON_OTELKIT_SPOOL_MAX_BYTES=str(most))
    kept = conserved(done, tmp_path, 1000)
    spool = tmp_path / ".otelkit" / "spool"
    size = sum(path.stat().st_size for path in spool.iterdir()) if spool.exists() else 0

    assert size <= most
    assert kept.total() < 1000
    assert f"lost {1000 - kept.total()} span" in done.stderr


def test_a_folder_that_can_not_be_made_is_no_obstacle(tmp_path: Path, server: OtlpServer) -> None:
    """Where otelkit's folder should be lies a file: the program runs, and what a healthy receiver takes is not touched."""
    (tmp_path / ".otelkit").write_text("in the way")
    done = run(tmp_path, FILLED, server.url, "200")

    assert (done.code, done.stdout) == (0, "done\n")
    done.spans.check()
    assert done.spans.delivered == len(items(span.raw for span in server.spans)) == 200
