"""Where a module is, found without importing it or its parents.

``importlib.util.find_spec("a.b")`` imports ``a``; a doctor must not run the patient's code.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES, PathFinder
from pathlib import Path
from pkgutil import iter_modules

from otelkit.settings import nearest


@dataclass(frozen=True, slots=True)
class Place:
    """Where a module is."""

    file: Path | None
    """Its source; None if it has none that can be read (built in, compiled, a namespace, in a zip file)."""


def find_module(dotted: str, folders: Sequence[Path] = ()) -> Place | None:
    """Return where a module is; None if there is none.

    Args:
        dotted: Its full name.
        folders: Looked through before ``sys.path``, as Python does with the folder of a script.
    """
    top, *rest = dotted.split(".")
    if not rest and (top in sys.builtin_module_names or top == "__main__"):
        return Place(None)
    roots = [*folders, *_path_folders()]
    place, inside = _step(top, roots)
    if place is None:
        place, inside = _step_by_finders(top)
    for part in rest:
        if place is None:
            return _loaded(dotted)
        if not inside:
            # A plain module has no submodules, but one without source may be anything.
            return _loaded(dotted) if place.file is not None else place
        place, inside = _step(part, inside)
    return place or _loaded(dotted)


def near_module(dotted: str, folders: Sequence[Path] = ()) -> str | None:
    """Return the module that is there and most like ``dotted``, which is not; None if none is like it.

    Each part of the name in turn: the first one among the modules of ``folders``, then among all that can be imported.
    """
    inside: Sequence[Path] | None = None
    right: list[str] = []
    for part in dotted.split("."):
        if inside is None:
            choices = [modules_in(folders), [*modules_in(_path_folders()), *sys.stdlib_module_names]]
        else:
            choices = [modules_in(inside)]
        name = part if any(part in names for names in choices) else _nearest_of(part, choices)
        if name is None:
            return None
        place, inside = _step(name, [*folders, *_path_folders()] if inside is None else inside)
        right.append(name)
        if place is None and find_module(".".join(right), folders) is None:
            return None
    return ".".join(right)


def _nearest_of(part: str, choices: Iterable[Iterable[str]]) -> str | None:
    for names in choices:
        close = nearest(part, names)
        if close is not None:
            return close
    return None


def modules_in(folders: Iterable[Path]) -> list[str]:
    """Return the names of the modules and packages in folders, as far as their files tell, sorted."""
    return sorted({module.name for module in iter_modules([str(folder) for folder in folders])})


def _path_folders() -> list[Path]:
    return [Path(entry or ".") for entry in sys.path]


def _loaded(dotted: str) -> Place | None:
    """Return a module that somebody else's module has put in place, such as ``os.path``."""
    return Place(None) if dotted in sys.modules else None


def _step(name: str, folders: Iterable[Path]) -> tuple[Place | None, list[Path]]:
    """Return a module in the first of ``folders`` that has it, and the folders of its submodules."""
    portions: list[Path] = []
    for folder in folders:
        package = folder / name
        if (package / "__init__.py").is_file():
            return Place(package / "__init__.py"), [package]
        if (folder / f"{name}.py").is_file():
            return Place(folder / f"{name}.py"), []
        if any((folder / f"{name}{suffix}").is_file() for suffix in (*EXTENSION_SUFFIXES, ".pyc")):
            return Place(None), []
        if package.is_dir():
            portions.append(package)
    # Only when no folder has a regular one, as in PEP 420.
    return (Place(None), portions) if portions else (None, [])


def _step_by_finders(name: str) -> tuple[Place | None, list[Path]]:
    """Ask the other finders, such as those of editable installations. For a top-level name they import nothing."""
    for finder in sys.meta_path:
        find_spec = getattr(finder, "find_spec", None)
        if finder is PathFinder and not any(Path(entry).is_file() for entry in sys.path):
            continue
        try:
            spec = find_spec(name, None, None) if find_spec else None
        except Exception:  # noqa: BLE001 - a stranger's finder may raise anything; the others are asked
            continue
        if spec is None:
            continue
        origin = Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None
        folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
        return Place(origin if origin and origin.is_file() else None), folders
    return None, []
