"""`otelkit keep`."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from otelkit._cli import exits
from otelkit._cli.keep import command
from otelkit._cli.keep_request import ask_and_wait
from otelkit.errors import StoreError
from otelkit.sampling.ring_requests import RequestTrigger
from otelkit.testing import FakeClock


class Waiting:
    """Time that passes by waiting, with programs that look once a second."""

    def __init__(self, *programs: tuple[float, RequestTrigger]) -> None:
        self._clock = FakeClock()
        self._programs = list(programs)

    def now(self) -> float:
        return self._clock.monotonic_ns() / 1e9

    def pause(self, seconds: float) -> None:
        self._clock.advance(seconds)
        for program in self._programs:
            at_s, trigger = program
            if self.now() >= at_s and trigger.asks():
                trigger.answered(2, 5)


def invoke(*words: str, **options: Any) -> Result:
    # A copy: Click remembers the help option of the first way in which a command is called, and this is not the program's.
    return CliRunner().invoke(copy.copy(command), words, **options)


def test_it_waits_for_the_first_answer_and_a_second_for_others(tmp_path: Path) -> None:
    """An answer after 0.9 s ends the waiting at 1.2 s, when every program has looked."""
    waiting = Waiting((0.9, RequestTrigger(tmp_path)))
    found = ask_and_wait(tmp_path, 3.0, now=waiting.now, pause=waiting.pause)

    assert [(answer.traces, answer.spans) for answer in found] == [(2, 5)]
    assert 1.2 <= waiting.now() < 1.3


def test_without_an_answer_it_gives_up(tmp_path: Path) -> None:
    """After the time it was given."""
    waiting = Waiting()

    assert ask_and_wait(tmp_path, 3.0, now=waiting.now, pause=waiting.pause) == []
    assert 3.0 <= waiting.now() < 3.1


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """Named, with what to do."""
    file = tmp_path / "file"
    file.write_text("")

    with pytest.raises(StoreError, match="store_dir"):
        ask_and_wait(file, 0.0)


def test_when_nobody_answers_the_command_says_who_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 3, as for anything that is not there."""
    monkeypatch.chdir(tmp_path)
    told = invoke("--timeout", "0")
    as_json = invoke("--timeout", "0", "--json", standalone_mode=False)

    assert isinstance(told.exception, exits.NotFoundError)
    assert "otelkit_tail" in str(told.exception)
    assert json.loads(as_json.output) == {"answers": []}
    assert as_json.return_value == exits.NOT_FOUND


def test_answers_are_told_by_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name, its process id, and what it sent."""
    monkeypatch.chdir(tmp_path)
    trigger = RequestTrigger(tmp_path / ".otelkit")

    def ask_them(folder: Path, timeout_s: float) -> object:
        waiting = Waiting((0.1, trigger))
        return ask_and_wait(folder, timeout_s, now=waiting.now, pause=waiting.pause)

    monkeypatch.setattr("otelkit._cli.keep_request.ask_and_wait", ask_them)
    told = invoke(standalone_mode=False)

    assert told.return_value == exits.OK
    assert "2 traces, 5 spans" in told.output
