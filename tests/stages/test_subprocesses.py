"""The context of who starts a program, in the program's environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from opentelemetry import baggage, propagate, trace
from opentelemetry.context import attach, detach, get_current
from opentelemetry.propagators.textmap import TextMapPropagator

import otelkit
from otelkit.stages import subprocesses
from otelkit.stages.run_facts import run_of
from otelkit.testing import Recorder

NAMES = ("TRACEPARENT", "TRACESTATE", "BAGGAGE", subprocesses.RUN)
INHERITED = {"TRACEPARENT": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "TRACESTATE": "a=b"}
SAY = f"import json, os; print(json.dumps({{k: v for k, v in os.environ.items() if k in {NAMES!r}}}))"

Run = Callable[[Mapping[Any, Any] | None], dict[str, str]]


def by_keyword(env: Mapping[Any, Any] | None) -> dict[str, str]:
    """Return what a program finds in its environment."""
    found: dict[str, str] = json.loads(subprocess.check_output([sys.executable, "-S", "-c", SAY], env=env))
    return found


def by_position(env: Mapping[Any, Any] | None) -> dict[str, str]:
    """Return the same, all arguments given by their position."""
    command = [sys.executable, "-S", "-c", SAY]
    with subprocess.Popen(command, -1, None, None, subprocess.PIPE, None, None, True, False, None, env) as child:
        assert child.stdout is not None
        found: dict[str, str] = json.loads(child.stdout.read())
    return found


def without_env(env: Mapping[Any, Any] | None) -> dict[str, str]:
    """Return the same; the program inherits its environment."""
    assert env is None
    found: dict[str, str] = json.loads(subprocess.check_output([sys.executable, "-S", "-c", SAY]))
    return found


def here() -> str:
    span = trace.get_current_span().get_span_context()
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-01"


@pytest.fixture
def started_with() -> Iterator[Callable[[Mapping[str, str]], None]]:
    """Have this process begin anew in the context that an environment says, for the test."""
    before = get_current()

    def start(environ: Mapping[str, str]) -> None:
        os.environ.update(environ)
        subprocesses.take_up(environ)

    yield start
    subprocesses.take_up({})
    attach(before)


@pytest.mark.parametrize("run", [by_keyword, by_position, without_env])
def test_a_program_finds_the_context_of_its_start(run: Run, recorder: Recorder) -> None:
    """Span, baggage and run."""
    token = attach(baggage.set_baggage("user", "ada"))
    try:
        with otelkit.run("nightly", pipeline="audio & video") as nightly, otelkit.stage("starting"):
            found = run(None)
            expected = here()
    finally:
        detach(token)

    assert found == {
        "TRACEPARENT": expected,
        "BAGGAGE": "user=ada",
        subprocesses.RUN: f"id={nightly.id}&name=nightly&pipeline=audio+%26+video",
    }


def test_the_callers_environment_is_not_touched(recorder: Recorder) -> None:
    """Neither a mapping of the caller's, nor this process's own."""
    env = {**os.environ, "OWN": "yes"}
    given, own = dict(env), dict(os.environ)
    with otelkit.stage("starting"):
        assert "TRACEPARENT" in by_keyword(env)
        assert "TRACEPARENT" in by_keyword(None)

    assert env == given
    assert dict(os.environ) == own


@pytest.mark.parametrize("as_bytes", [False, True])
def test_what_the_caller_has_set_stays(as_bytes: bool, recorder: Recorder) -> None:
    """A parent of the caller's choice, and no half of ours beside it."""
    env: dict[Any, Any] = {**os.environ, **INHERITED}
    if as_bytes:
        env = {os.fsencode(key): os.fsencode(value) for key, value in env.items()}
    token = attach(baggage.set_baggage("user", "ada"))
    try:
        with otelkit.stage("starting"):
            found = by_keyword(env)
    finally:
        detach(token)

    assert found == {**INHERITED, "BAGGAGE": "user=ada"}


def test_a_parent_of_the_callers_choice_gets_no_tracestate_of_ours(recorder: Recorder) -> None:
    """It would be that of another trace."""
    token = attach(propagate.extract({"traceparent": INHERITED["TRACEPARENT"], "tracestate": "c=d"}))
    try:
        found = by_keyword({**os.environ, "TRACEPARENT": "00-11111111111111111111111111111111-2222222222222222-01"})
    finally:
        detach(token)

    assert found == {"TRACEPARENT": "00-11111111111111111111111111111111-2222222222222222-01"}


def test_an_empty_parent_is_the_callers_choice(recorder: Recorder) -> None:
    """The program begins a trace of its own."""
    with otelkit.stage("starting"):
        found = by_keyword({**os.environ, "TRACEPARENT": ""})

    assert found == {"TRACEPARENT": ""}


@pytest.mark.parametrize("as_bytes", [False, True])
def test_what_was_inherited_gives_way(
    as_bytes: bool, recorder: Recorder, started_with: Callable[[Mapping[str, str]], None]
) -> None:
    """A copy of this process's environment has its parent's context in it, which nobody has chosen for the child."""
    started_with({**INHERITED, "BAGGAGE": "user=ada"})
    env: dict[Any, Any] = dict(os.environ)
    if as_bytes:
        env = {os.fsencode(key): os.fsencode(value) for key, value in env.items()}
    with otelkit.stage("starting"):
        found = by_keyword(env)
        expected = here()

    assert found == {"TRACEPARENT": expected, "TRACESTATE": "a=b", "BAGGAGE": "user=ada"}
    assert expected[3:35] == INHERITED["TRACEPARENT"][3:35]


def test_root_stages_work_for_who_started_the_program(
    recorder: Recorder, started_with: Callable[[Mapping[str, str]], None]
) -> None:
    """Also with the run and the pipeline that it was started in."""
    started_with({**INHERITED, subprocesses.RUN: "id=1&name=nightly&pipeline=audio"})
    with otelkit.stage("root"):
        run = run_of()
    span = recorder.span("root")

    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == "b7ad6b7169203331"
    assert span.parent.is_remote
    assert span.parent.trace_state == {"a": "b"}
    assert run is not None
    assert (run.id, run.name, run.pipeline) == ("1", "nightly", "audio")
    assert recorder.points("pipeline.stage.duration")[0].attributes["pipeline.name"] == "audio"


@pytest.mark.parametrize("environ", [{}, {"TRACEPARENT": "rubbish", subprocesses.RUN: "id=1"}, {"TRACEPARENT": ""}])
def test_an_environment_that_says_nothing_changes_nothing(
    environ: Mapping[str, str], recorder: Recorder, started_with: Callable[[Mapping[str, str]], None]
) -> None:
    """Nor one that can't be understood."""
    started_with(environ)
    with otelkit.stage("root"):
        pass

    assert recorder.span("root").parent is None


def test_outside_of_any_context_nothing_is_added(recorder: Recorder) -> None:
    """Such a program starts as it would without otelkit."""
    assert by_keyword(None) == {}
    assert by_keyword({"PATH": os.environ["PATH"]}) == {}


class Loud(TextMapPropagator):
    """Raises at everything."""

    def extract(self, *args: Any, **kwargs: Any) -> Any:
        raise OSError("extract")

    def inject(self, *args: Any, **kwargs: Any) -> None:
        raise OSError("inject")

    @property
    def fields(self) -> set[str]:
        return {"loud"}


class Own(TextMapPropagator):
    """Writes a header of its own."""

    def extract(self, carrier: Any, context: Any = None, getter: Any = None) -> Any:
        found = getter.get(carrier, "x-own.id")
        return baggage.set_baggage("own", found[0], context) if found else context

    def inject(self, carrier: Any, context: Any = None, setter: Any = None) -> None:
        setter.set(carrier, "x-own.id", "7")

    @property
    def fields(self) -> set[str]:
        return {"x-own.id"}


@pytest.fixture
def propagators() -> Iterator[Callable[[TextMapPropagator], None]]:
    """Set the program's propagators, for the test."""
    before = propagate.get_global_textmap()
    yield propagate.set_global_textmap
    propagate.set_global_textmap(before)


def test_propagators_are_the_programs(
    recorder: Recorder,
    propagators: Callable[[TextMapPropagator], None],
    started_with: Callable[[Mapping[str, str]], None],
) -> None:
    """``OTEL_PROPAGATORS`` decides what leaves the program and what is believed; names become those of variables."""
    propagators(Own())
    with otelkit.stage("starting"):
        say = "import os; print(os.environ['X_OWN_ID'], 'TRACEPARENT' in os.environ)"
        said = subprocess.check_output([sys.executable, "-S", "-c", say], text=True)
    started_with({"X_OWN_ID": "8", **INHERITED})

    assert said == "7 False\n"
    assert baggage.get_baggage("own") == "8"
    assert not trace.get_current_span().get_span_context().is_valid


def test_a_propagator_that_fails_keeps_no_program_from_starting(
    recorder: Recorder,
    monkeypatch: pytest.MonkeyPatch,
    propagators: Callable[[TextMapPropagator], None],
    started_with: Callable[[Mapping[str, str]], None],
) -> None:
    """Nor this one."""
    monkeypatch.setattr("otelkit._guard.reraise_in_tests", False)
    propagators(Loud())
    with otelkit.stage("starting"):
        assert by_keyword(None) == {}
    started_with({"LOUD": "yes"})


@pytest.mark.parametrize("env", ["rubbish", 7, {"NAME": None}])
def test_an_environment_that_is_none_fails_as_it_always_did(
    env: Any, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same error as without otelkit."""
    monkeypatch.setattr("otelkit._guard.reraise_in_tests", False)

    def error() -> BaseException:
        with pytest.raises(Exception) as caught:  # noqa: PT011 - compared below
            subprocess.run([sys.executable, "-S", "-c", ""], env=env)
        return caught.value

    with otelkit.stage("starting"):
        ours = error()
    monkeypatch.setattr(subprocesses, "_completed", lambda given: None)

    assert repr(ours) == repr(error())
