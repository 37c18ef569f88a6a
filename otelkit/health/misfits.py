"""Why a stage target matches nothing, and what was probably meant.

A module that is imported already is asked itself. Any other is looked up in the file system and its syntax tree is read: no
module is imported to find out. What can't be known that way (a name that is imported or assigned, a class with bases, a module
that is built in or compiled) is not judged: nobody guesses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import ModuleType

from otelkit.health.source import Defined, Unreadable, read_definitions
from otelkit.health.whereabouts import Place, find_module, modules_in, near_module
from otelkit.model.targets import StageTarget
from otelkit.settings import nearest

_SHOWN = 8


class Trouble(Enum):
    """What is wrong with a target."""

    NO_MODULE = "no_module"
    UNREADABLE = "unreadable"
    NO_MATCH = "no_match"
    GROUND = "ground"


@dataclass(frozen=True, slots=True)
class Misfit:
    """A target that matches nothing."""

    target: StageTarget
    trouble: Trouble
    what: str
    """What is wrong, to be read after the target's text: ``names the module …``."""
    near: str | None = None
    """The target that was probably meant, as it is written in settings."""


def judge_text(target: StageTarget, folders: Sequence[Path]) -> Misfit | None:
    """Return what is wrong with a target whose module is not imported; None if nothing is, or nobody can tell.

    Args:
        target: As planned.
        folders: Where modules are looked for before ``sys.path``.
    """
    if target.is_ground:
        return _ground(target)
    place = find_module(target.module, folders)
    if place is None:
        meant = near_module(target.module, folders)
        what = f"names the module {target.module}, which is not found in this folder or on the path of this Python"
        there = [] if meant else modules_in(folders)
        if there:
            what += f"; the folder has {_some(there)}"
        return Misfit(target, Trouble.NO_MODULE, what, f"{meant}:{target.pattern}" if meant else None)
    if place.file is None:
        return None
    try:
        defined = read_definitions(place.file)
    except Unreadable as error:
        return Misfit(target, Trouble.UNREADABLE, f"names a module that can't be read: {error}")
    if _matches(target.pattern, defined):
        return None
    return _no_match(target, str(place.file), defined.functions)


def judge_imported(target: StageTarget, module: ModuleType) -> Misfit:
    """Return what is wrong with a target that has matched nothing in its module.

    Args:
        target: As planned.
        module: Imported; it is only looked at, so that nothing of it runs.
    """
    if target.is_ground:
        return _ground(target)
    functions = _functions_of(module)
    if target.pattern in functions:
        # It came after we had looked, or can't be replaced.
        return Misfit(
            target, Trouble.NO_MATCH, f"names a function that {target.module} did not have when it was imported"
        )
    return _no_match(target, target.module, functions)


def is_module_at(module: ModuleType, place: Place) -> bool:
    """Return whether an imported module is the one that is found at a place."""
    file = getattr(module, "__file__", None)
    if place.file is None or not isinstance(file, str):
        # Compiled, or built in.
        return place.file is None
    try:
        return place.file.samefile(file)
    except OSError:
        return False


def _ground(target: StageTarget) -> Misfit:
    return Misfit(
        target, Trouble.GROUND, f"can be no stage: each stage call itself runs on the functions of {target.module}"
    )


def _no_match(target: StageTarget, where: str, functions: Iterable[str]) -> Misfit:
    public = sorted(name for name in functions if not name.startswith("_"))
    close = nearest(target.pattern, functions)
    what = f"matches nothing in {where}"
    if not close:
        what += f", which defines {_some(public) if public else 'no function'}"
    return Misfit(target, Trouble.NO_MATCH, what, f"{target.module}:{close}" if close else None)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (" and others" if len(names) > _SHOWN else "")


def _functions_of(module: ModuleType) -> frozenset[str]:
    """Return the functions of a module and of its classes; of those it has imported, too."""
    found = set()
    for name, value in list(vars(module).items()):
        if isinstance(value, type):
            if value.__module__ == module.__name__:
                found |= {f"{name}.{inner}" for inner, method in list(vars(value).items()) if _is_function(method)}
        elif _is_function(value):
            found.add(name)
    return frozenset(found)


def _is_function(value: object) -> bool:
    if isinstance(value, staticmethod | classmethod):
        value = value.__func__
    return callable(value) and not isinstance(value, type)


def _matches(pattern: str, defined: Defined) -> bool:
    """Return whether the pattern matches, or might."""
    owner, _, name = pattern.rpartition(".")
    if name == "*":
        inside = f"{owner}." if owner else ""
        # Only what stands directly in it: `module:*` does not reach into classes.
        public = (
            function
            for function in defined.functions
            if function.startswith(inside) and not function.removeprefix(inside).startswith("_")
        )
        return any("." not in function.removeprefix(inside) for function in public) or (
            bool(owner) and defined.is_open(owner)
        )
    return pattern in defined.functions or defined.is_open(pattern)
