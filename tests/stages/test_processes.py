"""The context of who starts a multiprocessing.Process."""

from __future__ import annotations

import multiprocessing
import pickle
import subprocess
import sys
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import pytest
from opentelemetry import baggage, trace
from opentelemetry.context import attach, detach

import otelkit
from otelkit.stages import children, current_run_id
from otelkit.testing import Recorder

Found = tuple[int, int, str | None, object]


def where_am_i() -> Found:
    """Return the current trace and span, the run, and a baggage entry."""
    span = trace.get_current_span().get_span_context()
    return span.trace_id, span.span_id, current_run_id(), baggage.get_baggage("user")


def tell(sending: Connection) -> None:
    sending.send((where_am_i(), children.must_seal()))


def configured_late(sending: Connection) -> None:
    """Set up otelkit only here, in the child's own function."""
    import os

    os.environ.update(
        OTEL_TRACES_EXPORTER="none", OTEL_METRICS_EXPORTER="none", OTEL_LOGS_EXPORTER="none", OTEL_PYTHON_OTELKIT_SPOOL="false"
    )  # fmt: skip
    otelkit.configure()
    sending.send(children.must_seal())


def found_in_child(method: str, function: Any = tell) -> Any:
    """Start a child and return what it tells."""
    context: Any = multiprocessing.get_context(method)
    receiving, sending = context.Pipe(duplex=False)
    child = context.Process(target=function, args=(sending,))
    child.start()
    found = receiving.recv()
    child.join()
    assert child.exitcode == 0
    return found


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_forked_child_has_the_whole_context_of_its_start(recorder: Recorder) -> None:
    """Not only what can be carried in words; and it sends what it ends at once, since it may be killed."""
    token = attach(baggage.set_baggage("user", "ada"))
    try:
        with otelkit.run("nightly"), otelkit.stage("starting"):
            found = found_in_child("fork")
            expected = where_am_i()
    finally:
        detach(token)

    assert found == (expected, True)


def test_a_child_that_configures_late_knows_that_it_is_one(recorder: Recorder) -> None:
    """Multiprocessing has begun its work before otelkit was there to see it."""
    assert found_in_child("spawn", configured_late) is True


def test_what_goes_along_can_be_read_without_otelkit(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child may run with another Python, in which it is not installed."""
    sent: list[bytes] = []
    monkeypatch.setattr(BaseProcess, "__reduce__", lambda self: (dict, ({"_otelkit_carried": self._otelkit_carried},)))

    class Only(BaseProcess):
        @staticmethod
        def _Popen(process: BaseProcess) -> Any:
            sent.append(pickle.dumps(process))
            raise InterruptedError("not in this test")

    token = attach(baggage.set_baggage("user", "ada"))
    with otelkit.run("nightly", pipeline="audio") as run:
        child = Only()
        with pytest.raises(InterruptedError, match="not in this test"):
            child.start()
        expected = trace.get_current_span().get_span_context()
    detach(token)
    code = "import pickle, sys; print(pickle.load(sys.stdin.buffer), 'otelkit' in sys.modules)"
    said = subprocess.check_output([sys.executable, "-I", "-S", "-c", code], input=sent[0]).decode()

    headers = {"traceparent": f"00-{expected.trace_id:032x}-{expected.span_id:016x}-01", "baggage": "user=ada"}
    assert said == f"{ {'_otelkit_carried': (headers, (run.id, 'nightly', 'audio'))} } False\n"
    assert "_otelkit_carried" not in vars(child)


def test_a_process_that_cannot_start_raises_what_it_always_raised(recorder: Recorder) -> None:
    """Started twice, say; nothing of ours stays on it."""
    child = multiprocessing.get_context("fork").Process(target=int)
    child.start()
    child.join()
    with pytest.raises(AssertionError, match="cannot start a process twice"):
        child.start()

    assert "_otelkit_carried" not in vars(child)
