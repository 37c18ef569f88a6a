"""What a span says of an error."""

from __future__ import annotations

import pytest

import otelkit
from otelkit import names
from otelkit.testing import Recorder


def stacktrace(recorder: Recorder, name: str) -> str:
    (event,) = recorder.span(name).events
    return str((event.attributes or {})[names.EXCEPTION_STACKTRACE])


def test_the_innermost_frames_of_a_deep_error_are_kept(recorder: Recorder) -> None:
    """32 of them, with the line that raised; not the hundreds before."""

    def deep(n: int) -> None:
        if n == 0:
            raise ValueError("at the bottom")
        # Two lines in turn: a repeated line would be summed up.
        if n % 2:
            deep(n - 1)
        else:
            deep(n - 1)

    with pytest.raises(ValueError, match="at the bottom"), otelkit.stage("deep"):
        deep(200)

    text = stacktrace(recorder, "deep")
    assert text.count('File "') == 32
    assert text.endswith('raise ValueError("at the bottom")\nValueError: at the bottom\n')


def test_causes_are_told_and_the_whole_is_bounded(recorder: Recorder) -> None:
    """The chain is there; a message without end is cut, its end is kept."""

    @otelkit.stage("chained")
    def chained() -> None:
        try:
            raise KeyError("first")
        except KeyError as error:
            raise RuntimeError("second") from error

    with pytest.raises(RuntimeError):
        chained()
    with pytest.raises(ValueError, match="end"), otelkit.stage("long"):
        raise ValueError("x" * 100_000 + "end")

    assert "KeyError: 'first'" in stacktrace(recorder, "chained")
    assert len(stacktrace(recorder, "long")) == 16_384
    assert stacktrace(recorder, "long").endswith("end\n")
    assert len(str(recorder.span("long").status.description)) <= 1_100
