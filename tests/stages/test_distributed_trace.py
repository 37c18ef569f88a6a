"""A trace that other services go on with."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from opentelemetry import baggage, propagate, trace

import otelkit
from otelkit.stages.distributed_trace import create_distributed_trace
from otelkit.testing import Recorder
from tests.programs import instrument, write


@pytest.mark.requirement("TRC-25")
def test_its_ids_are_those_of_its_span() -> None:
    """In as many hex digits as everybody writes them, with the flags."""
    with Recorder() as recorder, create_distributed_trace("enhance", attributes={"codec": "flac"}) as made:
        pass
    (span,) = recorder.spans

    assert span.context is not None
    assert (made.trace_id, made.span_id) == (f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}")
    assert (len(made.trace_id), len(made.span_id), made.trace_flags) == (32, 16, span.context.trace_flags)
    assert made.trace_flags & 1
    assert (span.name, span.attributes["codec"]) == ("enhance", "flac")


@pytest.mark.requirement("TRC-25")
def test_whoever_gets_its_headers_goes_on_with_it() -> None:
    """As the child of its span, wherever that is; so does what is called in the block."""

    @otelkit.stage("inner")
    def inner() -> None: ...

    with Recorder() as recorder:
        with create_distributed_trace("outer", baggage={"tenant": "blue moon"}) as made:
            inner()
        elsewhere = propagate.extract(made.headers)
    spans = {span.name: span for span in recorder.spans}
    there = trace.get_current_span(elsewhere).get_span_context()

    assert made.headers["traceparent"] == f"00-{made.trace_id}-{made.span_id}-{made.trace_flags:02x}"
    assert (there.trace_id, there.span_id, there.is_remote) == (int(made.trace_id, 16), int(made.span_id, 16), True)
    assert baggage.get_all(elsewhere) == {"tenant": "blue moon"}
    assert spans["inner"].parent is not None
    assert spans["inner"].parent.span_id == int(made.span_id, 16)


@pytest.mark.requirement("TRC-24")
def test_baggage_is_there_inside_and_gone_afterwards() -> None:
    """Beside what was there before; an error that ends the block is the call's and goes on."""
    inside: dict[str, object] = {}

    def fail() -> None:
        with create_distributed_trace("inner", baggage={"tenant": "b"}):
            inside.update(baggage.get_all())
            raise ValueError("no")

    with Recorder() as recorder:
        with (
            create_distributed_trace("outer", baggage={"tenant": "a", "job": "7"}),
            pytest.raises(ValueError, match="no"),
        ):
            fail()
        afterwards = dict(baggage.get_all())
    failed = {span.name: span.attributes.get("error.type") for span in recorder.spans}

    assert inside == {"tenant": "b", "job": "7"}
    assert afterwards == {}
    assert failed == {"inner": "ValueError", "outer": None}


def test_without_otelkit_the_block_runs_and_there_are_no_ids() -> None:
    """Zeros are what W3C writes where there is no trace."""
    with create_distributed_trace("enhance", baggage={"tenant": "a"}) as made:
        inside = dict(baggage.get_all())

    assert (made.trace_id, made.span_id, made.trace_flags) == ("0" * 32, "0" * 16, 0)
    assert inside == {"tenant": "a"}


@pytest.mark.requirement("TRC-24")
def test_baggage_reaches_threads_pools_and_programs(tmp_path: Path) -> None:
    """Of a thread, a thread pool, a process pool of each kind, and another Python: each is told whose work it does."""
    write(
        tmp_path,
        "app.py",
        """
        import concurrent.futures, json, multiprocessing, subprocess, sys, threading
        from opentelemetry import baggage
        from otelkit.stages.distributed_trace import create_distributed_trace

        def tenant(_=None):
            return baggage.get_baggage("tenant")

        if __name__ == "__main__":
            said = {}
            with create_distributed_trace("job", baggage={"tenant": "blue"}):
                thread = threading.Thread(target=lambda: said.update(thread=tenant()))
                thread.start()
                thread.join()
                with concurrent.futures.ThreadPoolExecutor(1) as pool:
                    said["thread pool"] = pool.submit(tenant).result()
                for kind in ("fork", "spawn", "forkserver"):
                    context = multiprocessing.get_context(kind)
                    with concurrent.futures.ProcessPoolExecutor(1, context) as processes:
                        said[kind] = processes.submit(tenant).result()
                other = [sys.executable, "-c", "import app; print(app.tenant())"]
                said["program"] = subprocess.run(other, capture_output=True, text=True).stdout.strip()
            said["afterwards"] = tenant()
            print(json.dumps(said))
        """,
    )
    done = instrument(
        tmp_path,
        sys.executable,
        "app.py",
        OTEL_TRACES_EXPORTER="none",
        OTEL_METRICS_EXPORTER="none",
        OTEL_LOGS_EXPORTER="none",
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "thread": "blue",
        "thread pool": "blue",
        "fork": "blue",
        "spawn": "blue",
        "forkserver": "blue",
        "program": "blue",
        "afterwards": None,
    }
