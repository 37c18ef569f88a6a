"""Stage targets that will match nothing, told without importing the user's code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Final

from otelkit.health.misfits import Misfit, Trouble, is_module_at, judge_imported, judge_text
from otelkit.health.whereabouts import find_module
from otelkit.model.checks import Finding, Severity
from otelkit.model.targets import StageTarget

_WHY: Final = "Nothing is instrumented by it, and the live table lacks that stage."
_MOST_LINES: Final = 5


def find_unmatched(
    targets: Iterable[StageTarget],
    search: Sequence[str | Path] | None = None,
    has: Callable[[ModuleType, str], bool] | None = None,
) -> Iterator[Finding]:
    """Yield a finding for each target that names no module, no function, or a file that does not parse.

    Args:
        targets: As planned.
        search: Folders in which modules are looked for, besides ``sys.path``; None: the working folder and its ``src``.
        has: Tells whether a pattern matches something in a module that happens to be imported here, as those of the
            standard library are that we use ourselves; None: all modules are judged by their text.
    """
    folders = _working_folders() if search is None else [Path(folder) for folder in search]
    for target in targets:
        module = _imported(target.module, folders) if has is not None else None
        if module is None or has is None:
            misfit = judge_text(target, folders)
        else:
            fits = has(module, target.pattern) and not target.is_ground
            misfit = None if fits else judge_imported(target, module)
        if misfit is not None:
            yield _finding(misfit)


def say_unmatched(
    targets: Iterable[StageTarget], imported: Callable[[StageTarget], ModuleType | None]
) -> Iterator[str]:
    """Yield lines for the end of a program: why targets have matched nothing.

    Args:
        targets: Those that have matched nothing.
        imported: Returns the module of a target, if the program has imported it.
    """
    folders = _working_folders()
    unused: list[str] = []
    said = 0
    more = 0
    for target in targets:
        module = imported(target)
        misfit = judge_text(target, folders) if module is None else judge_imported(target, module)
        if misfit is None:
            unused.append(target.text)
        elif said < _MOST_LINES:
            said += 1
            meant = f". Did you mean {misfit.near}?" if misfit.near else ""
            yield f"the stage target {target.text} {misfit.what}{meant}"
        else:
            more += 1
    if more:
        yield f"{more} more stage targets match nothing; `otelkit doctor` names them"
    if unused:
        shown = ", ".join(unused[:_MOST_LINES])
        others = f" and {len(unused) - _MOST_LINES} more" if len(unused) > _MOST_LINES else ""
        yield f"no stage was made of {shown}{others}: the program has never imported the module"


def _working_folders() -> list[Path]:
    try:
        here = Path.cwd()
    except OSError:  # it has been deleted
        return []
    return [here, here / "src"]


def _imported(name: str, folders: Sequence[Path]) -> ModuleType | None:
    """Return a module that is imported here, if the program would get the same."""
    module = sys.modules.get(name)
    # A lazy one would run if it was looked at.
    if type(module) is not ModuleType:
        return None
    place = find_module(name, folders)
    return module if place is not None and is_module_at(module, place) else None


def _finding(misfit: Misfit) -> Finding:
    target = misfit.target
    what = f"The stage target {target.text} (from {target.source}) {misfit.what}."
    if misfit.near:
        what += f" Did you mean {misfit.near}?"
    match misfit.trouble:
        case Trouble.NO_MODULE:
            fix = "Correct the name, or run the doctor in the program's folder with the program's Python."
            return Finding(
                "target.no_module", Severity.ERROR, what, _WHY, f"Use {misfit.near}." if misfit.near else fix
            )
        case Trouble.UNREADABLE:
            return Finding("target.unreadable", Severity.ERROR, what, _WHY, "Correct the module, or remove the target.")
        case Trouble.GROUND:
            fix = "Name your own function that calls it, or make that part a stage with a `with` block."
            return Finding("target.ground", Severity.ERROR, what, _WHY, fix)
        case Trouble.NO_MATCH:
            fix = f"Use {misfit.near}." if misfit.near else "Correct or remove the target."
            return Finding("target.no_match", Severity.ERROR, what, _WHY, fix)
