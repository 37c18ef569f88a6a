"""Requests between processes, by files."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from otelkit.sampling.ring_requests import Answer, RequestTrigger, answers, ask, withdraw


def test_a_request_is_seen_once_and_answered(tmp_path: Path) -> None:
    """Who asks learns which process has sent how much."""
    trigger = RequestTrigger(tmp_path)
    before = trigger.asks()
    request = ask(tmp_path)
    seen = [trigger.asks(), trigger.asks()]
    trigger.answered(3, 41)
    (answer,) = answers(tmp_path, request)

    assert (before, seen) == (False, [True, False])
    assert (answer.pid, answer.traces, answer.spans) == (os.getpid(), 3, 41)


def test_an_earlier_request_is_none_of_a_new_process(tmp_path: Path) -> None:
    """Only what is asked from now on counts; each request counts."""
    ask(tmp_path)
    trigger = RequestTrigger(tmp_path)

    assert not trigger.asks()
    for _ in range(3):
        ask(tmp_path)
        assert trigger.asks()


def test_answers_belong_to_one_request(tmp_path: Path) -> None:
    """What was said to an earlier one is not taken for an answer, and is tidied up."""
    trigger = RequestTrigger(tmp_path)
    first = ask(tmp_path)
    trigger.asks()
    trigger.answered(1, 1)
    second = ask(tmp_path)

    assert answers(tmp_path, second) == []
    assert answers(tmp_path, first) == []

    trigger.asks()
    trigger.answered(2, 2)
    withdraw(tmp_path, second)

    assert list(tmp_path.iterdir()) == []


def test_a_request_that_was_withdrawn_is_not_answered_and_the_next_one_is(tmp_path: Path) -> None:
    """Who looks too late finds nothing; a request of somebody else's is left alone."""
    trigger = RequestTrigger(tmp_path)
    first = ask(tmp_path)
    withdraw(tmp_path, first)
    late = trigger.asks()
    ask(tmp_path)
    withdraw(tmp_path, first)

    assert (late, trigger.asks()) == (False, True)


def test_files_are_for_their_user_only(tmp_path: Path) -> None:
    """They name programs."""
    trigger = RequestTrigger(tmp_path)
    ask(tmp_path)
    trigger.asks()
    trigger.answered(1, 1)

    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_garbage_in_the_folder_is_passed_by(tmp_path: Path) -> None:
    """A request that is no id leads nowhere, least of all out of the folder; an answer that can't be read is none."""
    trigger = RequestTrigger(tmp_path)
    for garbage in (b"../../elsewhere", b"", b"\xff\xfe", b"0123456789abcdeG", b"0" * 10_000):
        (tmp_path / "keep.request").unlink(missing_ok=True)
        (tmp_path / "keep.request").write_bytes(garbage)
        assert not trigger.asks()
    request = ask(tmp_path)
    for number, garbage in enumerate((b"", b"[]", b'{"pid": 1}', b"\xff", b'{"pid": "x", "program": 1}')):
        (tmp_path / f"keep.answer.{request}.{number}").write_bytes(garbage)

    assert answers(tmp_path, request) == []


def test_a_folder_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    """Nobody asks there, and an answer without a place is not given."""
    trigger = RequestTrigger(tmp_path / "none")

    assert not trigger.asks()
    trigger.answered(1, 1)
    assert answers(tmp_path / "none", "0" * 16) == []


def test_answers_are_told_by_process(tmp_path: Path) -> None:
    """In the order of their numbers."""
    request = ask(tmp_path)
    for pid in (20, 3):
        (tmp_path / f"keep.answer.{request}.{pid}").write_text(
            f'{{"pid": {pid}, "program": "app.py", "traces": 1, "spans": {pid}}}', encoding="utf-8"
        )

    assert answers(tmp_path, request) == [Answer(3, "app.py", 1, 3), Answer(20, "app.py", 1, 20)]
