"""Which signals came to the whole process group."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from otelkit._cli import group_witness
from otelkit._cli.group_witness import GroupWitness
from tests.forking import in_child

SIGNALS = (signal.SIGUSR1, signal.SIGUSR2)


def _in_a_group_of_its_own() -> list[bool]:
    os.setpgid(0, 0)
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    witness = GroupWitness(SIGNALS)
    seen = [witness.saw(signal.SIGUSR1)]
    os.kill(os.getpid(), signal.SIGUSR1)
    seen.append(witness.saw(signal.SIGUSR1))
    os.killpg(0, signal.SIGUSR1)
    seen += [witness.saw(signal.SIGUSR2), witness.saw(signal.SIGUSR1)]
    witness.renew()
    seen += [witness.saw(signal.SIGUSR1)]
    os.killpg(0, signal.SIGUSR2)
    seen += [witness.saw(signal.SIGUSR2)]
    witness.close()
    witness.close()
    return seen


@pytest.mark.skipif(sys.platform != "linux", reason="told by /proc")
def test_only_what_came_to_all_was_seen_and_each_once() -> None:
    """A signal to one process is not taken for one to its group."""
    assert in_child(_in_a_group_of_its_own) == [False, False, False, True, False, True]


def test_without_its_program_nothing_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then signals are handed on as if each was sent to us alone."""
    monkeypatch.setattr(group_witness, "_WORDS", ("no-such-program-anywhere",))
    before = len(list(Path("/proc/self/fd").iterdir())) if sys.platform == "linux" else 0
    witness = GroupWitness(SIGNALS)
    seen = witness.saw(signal.SIGUSR1)
    witness.close()
    after = len(list(Path("/proc/self/fd").iterdir())) if sys.platform == "linux" else 0

    assert not seen
    assert before == after
