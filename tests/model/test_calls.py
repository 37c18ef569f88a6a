"""How a call ended."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from otelkit.model.calls import Outcome, outcome_of


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, Outcome.OK),
        (asyncio.CancelledError(), Outcome.CANCELLED),
        (GeneratorExit(), Outcome.CANCELLED),
        (KeyboardInterrupt(), Outcome.CANCELLED),
        (SystemExit(), Outcome.CANCELLED),
        (SystemExit(0), Outcome.CANCELLED),
        (SystemExit(False), Outcome.CANCELLED),
        (SystemExit(1), Outcome.ERROR),
        (SystemExit("no such file"), Outcome.ERROR),
        (TimeoutError(), Outcome.ERROR),
        (ExceptionGroup("several", [ValueError()]), Outcome.ERROR),
    ],
    ids=repr,
)
def test_outcomes(error: BaseException | None, outcome: Outcome) -> None:
    """Stopping on request is no error; a timeout is one."""
    assert outcome_of(error) is outcome


def test_asyncio_is_not_imported_for_it() -> None:
    """A program that does not use it does not pay for it."""
    program = """
import sys
from otelkit.model.calls import outcome_of
outcome_of(ValueError())
print("asyncio" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout == "False\n"
