"""A program that is started by ``subprocess`` works for who started it: the context goes along in its environment.

The names of the variables are those of OpenTelemetry's specification ("Environment Variables as Context Propagation
Carriers"): the headers of the program's propagators in capitals, so ``TRACEPARENT``, ``TRACESTATE`` and ``BAGGAGE`` unless
``OTEL_PROPAGATORS`` says otherwise. A surrounding ``otelkit.run`` goes along in a variable of our own.

Covered is what uses `subprocess.Popen`, asyncio's subprocesses among them. Not covered: ``os.system``, ``os.exec*``,
``os.posix_spawn``.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Final
from urllib.parse import parse_qs, urlencode

from opentelemetry import propagate
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import Getter, Setter

from otelkit._guard import Barrier
from otelkit.stages.attached import attach, get_current
from otelkit.stages.carried import with_run, words_of
from otelkit.stages.run_facts import run_of

# Any below: what the user hands to Popen.
RUN: Final = "OTELKIT_RUN"
"""The run that surrounds the start of a program."""

_ENV_ARGUMENT: Final = 10
"""Where ``env`` stands among Popen's positional arguments, the object itself not counted."""

_STAND_ALONE: Final = frozenset({RUN, "BAGGAGE"})
"""Variables that mean something by themselves; all others are parts of one span context."""

_RUN_FIELDS: Final = ("id", "name", "pipeline")

_barrier: Final = Barrier("subprocesses", None)
_inherited: Mapping[str, str] = {}
"""What this process was itself started with; a child's environment that has the same was not given it on purpose."""


def popen_with_context(init: Callable[..., None]) -> Callable[..., None]:
    """Return ``Popen.__init__``, carrying the context in which it is called."""

    @functools.wraps(init)
    def initialized(self: Any, *args: Any, **kwargs: Any) -> None:
        by_position = len(args) > _ENV_ARGUMENT
        given = args[_ENV_ARGUMENT] if by_position else kwargs.get("env")
        try:
            env = _completed(given)
        except Exception as error:  # noqa: BLE001 - the program must start; propagators and mappings may be strangers'
            _barrier.fault(error, "carry a context")
            env = None
        if env is not None:
            if by_position:
                args = (*args[:_ENV_ARGUMENT], env, *args[_ENV_ARGUMENT + 1 :])
            else:
                kwargs["env"] = env
        init(self, *args, **kwargs)

    return initialized


def take_up(environ: Mapping[str, str]) -> None:
    """Work for who started this program, from now on and as far as ``environ`` says: call it once, in the main thread.

    Root stages and runs get the parent that ``TRACEPARENT`` names, with its sampling decision, and the starter's run.
    """
    global _inherited
    try:
        propagator = propagate.get_global_textmap()
        context = with_run(propagator.extract(environ, Context(), _Reading()), _run_in(environ))
        names = {_variable(field) for field in propagator.fields} | {RUN}
        _inherited = {name: environ[name] for name in names if name in environ}
        if context:
            # For good: it is the context of all that the program does.
            attach(Context({**get_current(), **context}))
    except Exception as error:  # noqa: BLE001 - the program must start; propagators may be strangers'
        _barrier.fault(error, "take up a context")


def _completed(given: Any) -> dict[Any, Any] | None:
    """Return a copy of a child's environment with our variables; None if there is nothing to add."""
    context = get_current()
    if not context:
        return None
    ours: dict[str, str] = {}
    propagator = propagate.get_global_textmap()
    propagator.inject(ours, context, _Writing())
    run = words_of(run_of(context))
    if run is not None:
        ours[RUN] = urlencode(dict(zip(_RUN_FIELDS, run, strict=True)))
    if not ours:
        return None
    env: dict[Any, Any] = dict(os.environ if given is None else given)
    names = {RUN, *map(_variable, propagator.fields)}
    theirs = {name for name in names if _value_in(env, name) not in (None, _inherited.get(name))}
    # One without the others would be half of a stranger's context.
    if theirs - _STAND_ALONE:
        theirs |= names - _STAND_ALONE
    for name in names - theirs:
        # Ours, or nothing: what is still there is inherited and belongs to another span than the one that goes along.
        env.pop(name, None)
        env.pop(os.fsencode(name), None)
        if name in ours:
            env[name] = ours[name]
    return env


def _value_in(env: Mapping[Any, Any], name: str) -> str | None:
    # Keys and values may be bytes on POSIX.
    value = env.get(name, env.get(os.fsencode(name)))
    return None if value is None else os.fsdecode(value)


def _run_in(environ: Mapping[str, str]) -> tuple[str, str, str] | None:
    fields = parse_qs(environ.get(RUN, ""))
    if not all(field in fields for field in _RUN_FIELDS):
        return None
    run_id, name, pipeline = (fields[field][0] for field in _RUN_FIELDS)
    return run_id, name, pipeline


def _variable(header: str) -> str:
    """Return the name of the environment variable for a propagator's header."""
    name = re.sub(r"[^A-Z0-9_]", "_", header.upper())
    return f"_{name}" if name[:1].isdigit() else name


class _Reading(Getter[Mapping[str, str]]):
    def get(self, carrier: Mapping[str, str], key: str) -> list[str] | None:
        value = carrier.get(_variable(key))
        return None if not value else [value]

    def keys(self, carrier: Mapping[str, str]) -> list[str]:
        return list(carrier)


class _Writing(Setter[MutableMapping[str, str]]):
    def set(self, carrier: MutableMapping[str, str], key: str, value: str) -> None:
        carrier[_variable(key)] = value
