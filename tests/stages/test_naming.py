"""How stages are named by themselves."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from otelkit.stages.naming import full_name_of, stage_name_of


def function_in(module: str, qualname: str) -> Callable[..., Any]:
    def function() -> None: ...

    function.__module__ = module
    function.__qualname__ = qualname
    return function


@pytest.mark.parametrize(
    ("module", "qualname", "stage", "full"),
    [
        ("app.steps", "parse", "steps.parse", "app.steps.parse"),
        ("steps", "Encoder.run", "steps.Encoder.run", "steps.Encoder.run"),
        ("app.steps", "make.<locals>.inner", "steps.make.inner", "app.steps.make.inner"),
        ("app.steps", "<lambda>", "steps.<lambda>", "app.steps.<lambda>"),
        ("__main__", "parse", "parse", "__main__.parse"),
        ("__mp_main__", "parse", "parse", "__main__.parse"),
        ("__mp_main__", "Encoder.run", "Encoder.run", "__main__.Encoder.run"),
    ],
)
def test_a_stage_is_named_after_its_module_and_function(module: str, qualname: str, stage: str, full: str) -> None:
    """The last part of the module and the qualified name; only that in the program's script, in every process."""
    function = function_in(module, qualname)

    assert (stage_name_of(function), full_name_of(function)) == (stage, full)


def test_what_has_no_name_is_named_after_what_it_calls_or_is() -> None:
    """A partial after its function, a callable object after its class."""

    class Encoder:
        def __call__(self) -> None: ...

    partial = functools.partial(functools.partial(function_in("app.steps", "parse"), 1), 2)

    assert stage_name_of(partial).endswith("parse")
    assert stage_name_of(Encoder()).endswith("Encoder")
