"""A process's account on disk."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from otelkit.ledger.account_file import append_account
from otelkit.ledger.ledger import Ledger
from tests.otlp_server import otlp_server
from tests.programs import instrument, write


def test_a_line_has_the_account_of_every_signal(tmp_path: Path) -> None:
    """What was created, and each thing that can become of it."""
    ledger = Ledger()
    ledger.created("traces", 10)
    ledger.delivered("traces", 4)
    ledger.spooled("traces", 2)
    ledger.dropped("traces", 1)
    ledger.lost("traces", 2, "buffer_full")

    append_account(tmp_path / "account.jsonl", ledger, run_id="r")
    append_account(tmp_path / "account.jsonl", ledger, run_id="s")

    first, second = map(json.loads, (tmp_path / "account.jsonl").read_text().splitlines())
    assert (first["pid"], first["run"], second["run"]) == (os.getpid(), "r", "s")
    assert first["accounts"]["traces"] == {
        "created": 10, "delivered": 4, "spooled": 2, "dropped": 1, "lost": {"buffer_full": 2}, "pending": 1,
    }  # fmt: skip
    assert first["accounts"]["logs"]["created"] == 0


def test_each_process_of_a_program_writes_its_own(tmp_path: Path) -> None:
    """A program with a pool of two: what arrived is what they say was delivered, or left to the program to send."""
    write(tmp_path, "steps.py", "def work(number):\n    return number\n")
    write(
        tmp_path,
        "app.py",
        """
        from concurrent.futures import ProcessPoolExecutor

        from steps import work

        with ProcessPoolExecutor(2) as pool:
            list(pool.map(work, range(10)))
        """,
    )
    with otlp_server() as server:
        done = instrument(
            tmp_path, "python", "app.py",
            OTEL_EXPORTER_OTLP_ENDPOINT=server.url,
            OTEL_PYTHON_OTELKIT_STAGES="steps:work",
            OTEL_PYTHON_OTELKIT_ACCOUNT_FILE="account.jsonl",
        )  # fmt: skip
        spans = len(server.spans)

    lines = [json.loads(line) for line in (tmp_path / "account.jsonl").read_text().splitlines()]
    assert done.returncode == 0
    assert len({line["pid"] for line in lines}) == len(lines) >= 2
    accounts = [line["accounts"]["traces"] for line in lines]
    assert sum(each["delivered"] + each["spooled"] for each in accounts) == spans == 10
    assert sum(each["created"] for each in accounts) == 10


def test_a_file_that_cannot_be_written_is_named_and_changes_nothing(tmp_path: Path) -> None:
    """The folder is missing: one line, and the program's own exit code."""
    done = instrument(
        tmp_path, "python", "-c", "raise SystemExit(3)",
        OTEL_TRACES_EXPORTER="none", OTEL_METRICS_EXPORTER="none", OTEL_LOGS_EXPORTER="none",
        OTEL_PYTHON_OTELKIT_ACCOUNT_FILE=str(tmp_path / "missing" / "account.jsonl"),
    )  # fmt: skip

    assert done.returncode == 3
    assert "account_file" in done.stderr


pytestmark = pytest.mark.sdk
