"""What became of all telemetry, checked after each test that runs programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs import ACCOUNT_FILE


@pytest.fixture(autouse=True)
def every_account_balances(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Each process of the test's programs that came to its own end knows what became of everything that it had created.

    Nothing is pending then, and nothing was counted twice: created = delivered + spooled + dropped + lost. That includes the
    receiver's and the command line's own processes where they are instrumented. Yields the file with the accounts.
    """
    file = tmp_path_factory.mktemp("accounts") / "account.jsonl"
    monkeypatch.setenv(ACCOUNT_FILE, str(file))
    yield file
    if file.exists():
        for line in file.read_text(encoding="utf-8").splitlines():
            for signal, account in json.loads(line)["accounts"].items():
                assert account["pending"] == 0, f"{signal} of a process do not add up: {line}"
