"""Stage targets that will match nothing, told without importing the user's code.

A module is looked up in the file system and its syntax tree is read. What can't be known that way (a name that is imported
or assigned, a class with bases, a module that is built in or compiled) gives no finding: the doctor does not guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from otelkit.health.source import Defined, Unreadable, read_definitions
from otelkit.health.whereabouts import find_module
from otelkit.model.checks import Finding, Severity
from otelkit.model.targets import StageTarget
from otelkit.settings import nearest

_WHY = "Nothing is instrumented by it, and the live table lacks that stage."


def find_unmatched(targets: Iterable[StageTarget], search: Sequence[str | Path] | None = None) -> Iterator[Finding]:
    """Yield a finding for each target that names no module, no function, or a file that does not parse.

    Args:
        targets: As planned.
        search: Folders in which modules are looked for, besides ``sys.path``; None: the working folder and its ``src``.
    """
    folders = [Path.cwd(), Path.cwd() / "src"] if search is None else [Path(folder) for folder in search]
    for target in targets:
        finding = _judge(target, folders)
        if finding is not None:
            yield finding


def _judge(target: StageTarget, folders: Sequence[Path]) -> Finding | None:
    place = find_module(target.module, folders)
    if place is None:
        return Finding(
            "target.no_module",
            Severity.ERROR,
            f"The stage target {target.text} (from {target.source}) names the module {target.module}, which is not found "
            "in this folder or on the path of this Python.",
            _WHY,
            "Correct the name, or run the doctor in the program's folder with the program's Python.",
        )
    if place.file is None:
        return None
    try:
        defined = read_definitions(place.file)
    except Unreadable as error:
        return Finding(
            "target.unreadable",
            Severity.ERROR,
            f"The stage target {target.text} (from {target.source}) names a module that can't be read: {error}.",
            _WHY,
            "Correct the module, or remove the target.",
        )
    if _matches(target.pattern, defined):
        return None
    close = nearest(target.pattern, defined.functions)
    if close:
        hint = f"Did you mean {target.module}:{close}?"
    elif defined.functions:
        hint = f"It defines {', '.join(sorted(defined.functions)[:8])}."
    else:
        hint = "It defines no function."
    return Finding(
        "target.no_match",
        Severity.ERROR,
        f"The stage target {target.text} (from {target.source}) matches nothing in {place.file}. {hint}",
        _WHY,
        f"Use {target.module}:{close}." if close else "Correct or remove the target.",
    )


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
