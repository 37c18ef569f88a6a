"""A hook is a contract with people we shall never meet: it is documented in five parts, and tested."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from otelkit.plugin import specs
from otelkit.plugin.manager import HOOKS

TESTS = Path(__file__).parents[1]
SPECS = {name: value for name, value in vars(specs).items() if name.startswith("otelkit_")}
PARTS = ("When:", "Order:", "Failure:", "Returns:")


def test_every_hook_that_is_specified_is_asked() -> None:
    """And the other way round."""
    assert set(SPECS) == set(HOOKS)


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_in_five_parts_in_their_order(hook: str) -> None:
    """What it offers, when, in what order, what failing does, what to return."""
    said = inspect.getdoc(SPECS[hook]) or ""

    assert said.splitlines()[0].endswith(".")
    positions = [said.find(f"\n{part}") for part in PARTS]
    assert -1 not in positions
    assert sorted(positions) == positions


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_tested(hook: str) -> None:
    """By name, in the tests of the door."""
    tests = "".join(path.read_text(encoding="utf-8") for path in (TESTS / "plugin").glob("test_*.py"))

    assert re.search(rf"\b{hook}\b", tests)


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_marked_and_typed(hook: str) -> None:
    """A plugin's author sees in the signature what is given and what is wanted."""
    assert hasattr(SPECS[hook], f"{specs.PROJECT}_spec")
    signature = inspect.signature(SPECS[hook])
    assert signature.return_annotation is not inspect.Signature.empty
    assert all(parameter.annotation is not inspect.Parameter.empty for parameter in signature.parameters.values())
