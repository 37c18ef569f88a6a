"""Receivers that take a request, put it off, refuse it, hang up, or say nothing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.drills.chances import LONG, rounds
from tests.drills.moody import moody_server
from tests.drills.programs import items, run, spooled_spans

PROGRAM = """
    import account, otelkit, random, sys, threading

    chance = random.Random(int(sys.argv[1]))

    @otelkit.stage("load", item="name")
    def load(name):
        if chance.random() < 0.1:
            raise ValueError(name)

    pause = threading.Event()
    for number in range(int(sys.argv[2])):
        try:
            load(f"item-{number:06}")
        except ValueError:
            pass
        if chance.random() < 0.03:
            pause.wait(0.02)
        if chance.random() < 0.01:
            otelkit.flush(0.3)
    print("done")
"""


@pytest.mark.parametrize("moods", ["all", "put off"])
def test_every_item_is_in_one_place(tmp_path: Path, moods: str) -> None:
    """Whatever a receiver answers, each span was taken once, lies in the spool once, or is counted as lost for a reason."""
    kinds = {"all": None, "put off": ("take", "429", "503", "503 soon")}[moods]
    for number, chance in enumerate(rounds(short=1)):
        folder = tmp_path / str(number)
        folder.mkdir()
        count = 4000 if LONG else 600
        with moody_server(chance, *([kinds] if kinds else [])) as server:
            done = run(
                folder,
                PROGRAM,
                f"http://127.0.0.1:{server.port}",
                str(chance.randrange(1 << 30)),
                str(count),
                OTEL_EXPORTER_OTLP_TIMEOUT="1",
                OTEL_PYTHON_OTELKIT_EXPORT_DELAY_S="0.05",
                OTEL_PYTHON_OTELKIT_BATCH_SPANS="64",
            )

        assert (done.code, done.stdout) == (0, "done\n"), done.stderr
        account = done.spans
        account.check()
        taken, spooled = items(server.taken), items(spooled_spans(folder))
        everywhere = taken + spooled
        lost = sum(account.lost.values())
        assert account.created == count
        assert set(everywhere.values()) <= {1}, Counter(everywhere).most_common(3)
        assert (account.delivered, account.spooled) == (taken.total(), spooled.total())
        assert len(everywhere) + lost == count
        # What was refused for good is given up, or kept for somebody to look at; nothing else is given up.
        assert lost <= server.refused, account.lost
        assert (f"lost {lost} span" in done.stderr) == bool(lost)
