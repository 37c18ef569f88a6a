"""Which signals came to the whole process group."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from otelkit._cli import group_witness
from otelkit._cli.group_witness import GroupWitness
from tests.programs import clean_environment, write

SIGNALS = (signal.SIGUSR1, signal.SIGUSR2)


# In a process of its own with one thread: threads that a test before left to be started after a fork would take the signals.
PROGRAM = """
    import json, os, signal
    from otelkit._cli.group_witness import GroupWitness

    signals = (signal.SIGUSR1, signal.SIGUSR2)
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    witness = GroupWitness(signals)
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
    print(json.dumps(seen))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="told by /proc")
def test_only_what_came_to_all_was_seen_and_each_once(tmp_path: Path) -> None:
    """A signal to one process is not taken for one to its group."""
    done = subprocess.run(
        [sys.executable, write(tmp_path, "app.py", PROGRAM)],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        start_new_session=True,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == [False, False, False, True, False, True]


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
