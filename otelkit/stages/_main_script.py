"""Targets in the program's own script, whose functions run before anybody could wrap them from outside.

``python steps.py`` runs the script's text without the import system. Before it does, the interpreter asks ``sys.path_hooks``
whether the script is something that can be imported from (as a zip file is); if so it is run by `runpy`, whose loaders say what
code to run. So a script that defines a wanted function is claimed here, and gets its functions decorated in its syntax tree, as
its author would have done with ``@otelkit.stage``; a script that defines none is left alone. ``python -m steps`` asks the
import system's loader for the code, and gets the same.
"""

from __future__ import annotations

import ast
import importlib.abc
import importlib.machinery
import importlib.util
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from otelkit.model.targets import StageTarget
from otelkit.stages.wrapping import stage_of, wrapped

_log = logging.getLogger("otelkit.stages")

_Definition = ast.FunctionDef | ast.AsyncFunctionDef

# What decorated scripts call back into; an index into it is all that their syntax trees hold. Any: functions of any kind.
_decorators: list[Callable[[Any], Any]] = []


def is_main(main: ModuleType, name: str) -> bool:
    """Return whether the running program is the module ``name``: by ``python -m``, or by the path of its script."""
    spec = getattr(main, "__spec__", None)
    if name == "__main__" or (spec is not None and spec.name == name):
        return True
    file = getattr(main, "__file__", None)
    return isinstance(file, str) and _is_path_of(file, name)


def _is_path_of(file: str, name: str) -> bool:
    """Return whether ``file`` can be the script of the module: ``…/app/steps.py`` that of ``steps`` and of ``app.steps``."""
    path = Path(file)
    parts = name.split(".")
    return path.suffix == ".py" and (*path.parts[:-1], path.stem)[-len(parts) :] == tuple(parts)


class MainScript:
    """Decorates the wanted functions of the program's script while it is read.

    Args:
        targets: In the order of their precedence.
        matched: Told of each target that has found a function.
    """

    def __init__(self, targets: Sequence[StageTarget], matched: Callable[[StageTarget], object]) -> None:
        self._targets = targets
        self._matched = matched
        self.modules: frozenset[str] = frozenset()
        """Those of the targets' modules that the running script is. The script itself forgets its file at its end."""

    def install(self) -> None:
        """Be asked when a script is run."""
        if self._targets and self not in sys.path_hooks:
            sys.path_hooks.insert(0, self)

    def remove(self) -> None:
        """Be asked no more."""
        if self in sys.path_hooks:
            sys.path_hooks.remove(self)

    def __call__(self, path: str) -> _ScriptFinder:
        """Claim the script at ``path``, if it defines a wanted function.

        Raises:
            ImportError: This is nothing of ours; the next path hook is asked.
        """
        targets = [each for each in self._targets if each.module == "__main__" or _is_path_of(path, each.module)]
        if not targets or not path.endswith(".py") or not Path(path).is_file():
            raise ImportError("not a script with stage targets", path=path)
        # Only the interpreter itself asks from no Python code; runpy.run_path asks from its own.
        started = sys._getframe().f_back is None
        if started:
            self.modules = frozenset(each.module for each in targets)
        try:
            code = self._decorated(Path(path).read_bytes(), path, targets, _Start(path, started))
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
            # The interpreter will say what is wrong with it.
            raise ImportError("not a script that can be read", path=path) from error
        if code is None:
            raise ImportError("no function in it is a stage target", path=path)
        return _ScriptFinder(path, code)

    def code_of_module(self, name: str, loader: Any) -> CodeType | None:  # Any: a loader of any make
        """Return the code for running a module by ``python -m``; None if there is nothing to decorate in it."""
        targets = [each for each in self._targets if each.module in (name, "__main__")]
        try:
            path = loader.get_filename(name)
            return self._decorated(loader.get_data(path), path, targets, None)
        except Exception as error:  # noqa: BLE001 - a loader of any make; its module runs undecorated then
            _log.debug("stage targets in %s are left out: %s", name, error)
            return None

    def _decorated(
        self, source: bytes, path: str, targets: Iterable[StageTarget], start: _Start | None
    ) -> CodeType | None:
        tree = ast.parse(source, path)
        found = False
        for name, node in list(_definitions(tree.body, "")):
            for target in targets:
                if _matches(target.pattern, name):
                    _decorate(node, _key(_Decorator(target, self._matched)))
                    found = True
                    break
        if not found:
            return None
        if start is not None:
            _insert_start(tree, _key(start))
        # The tree holds every `from __future__` itself; ours must not be added to it.
        return compile(tree, path, "exec", dont_inherit=True)


def _matches(pattern: str, name: str) -> bool:
    way, _, last = pattern.rpartition(".")
    name_way, _, name_last = name.rpartition(".")
    return way == name_way and (last == name_last or (last == "*" and not name_last.startswith("_")))


def _definitions(body: Iterable[ast.AST], prefix: str) -> Iterator[tuple[str, _Definition]]:
    """Yield the functions and methods that running ``body`` defines, with their qualified names."""
    for node in body:
        if isinstance(node, _Definition):
            yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from _definitions(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case):
            yield from _definitions(
                (each for each in ast.iter_child_nodes(node) if not isinstance(each, ast.expr)), prefix
            )


def _key(decorator: Callable[[Any], Any]) -> int:
    _decorators.append(decorator)
    return len(_decorators) - 1


def decorator(key: int) -> Callable[[Any], Any]:
    """Return the decorator that a script's syntax tree refers to."""
    return _decorators[key]


def _reference(key: int, where: ast.AST) -> ast.expr:
    """Return the expression ``decorator(key)``, with this module imported in it: it needs no name of the script's own."""
    text = f'__import__({__name__!r}, fromlist=("_",)).decorator({key})'
    expression = ast.parse(text, mode="eval").body
    for node in ast.walk(expression):
        # Where the first line of the definition was: tracebacks and inspect.getsource stay right.
        ast.copy_location(node, where)
    return expression


def _decorate(node: _Definition, key: int) -> None:
    node.decorator_list.insert(0, _reference(key, node.decorator_list[0] if node.decorator_list else node))


def _insert_start(tree: ast.Module, key: int) -> None:
    """Call a decorator with the script's globals before its first statement that does something."""
    position = 0
    for statement in tree.body:
        is_docstring = position == 0 and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        is_future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
        if not (is_docstring or is_future):
            break
        position += 1
    where = tree.body[min(position, len(tree.body) - 1)]
    call = ast.Expr(ast.Call(_reference(key, where), [ast.Call(ast.Name("globals", ast.Load()), [], [])], []))
    for node in ast.walk(call):
        if not hasattr(node, "lineno"):
            ast.copy_location(node, where)
    tree.body.insert(position, call)


class _Decorator:
    """Makes a function of the script a stage; anything it can't wrap stays as it is."""

    def __init__(self, target: StageTarget, matched: Callable[[StageTarget], object]) -> None:
        self._target = target
        self._matched = matched

    def __call__(self, function: Any) -> Any:  # Any: a function of any kind, or what its other decorators made of it
        target = self._target
        try:
            if stage_of(function) is None:
                name = None if target.pattern.endswith("*") else target.name
                function = wrapped(function, name=name, pipeline=target.pipeline, item=target.item)
            self._matched(target)
        except Exception as error:  # noqa: BLE001 - the script must run, whatever becomes of its stages
            _log.warning("%s can't be made a stage: %s", target.text, error)
        return function


class _Start:
    """Gives a script the globals and the search path it would have had without us."""

    def __init__(self, path: str, started: bool) -> None:
        self._path = path
        self._started = started

    def __call__(self, script_globals: dict[str, Any]) -> None:  # Any: the script's own
        script_globals["__spec__"] = None
        script_globals["__package__"] = None
        script_globals["__loader__"] = importlib.machinery.SourceFileLoader(script_globals["__name__"], self._path)
        sys.path_importer_cache.pop(self._path, None)
        if self._started and sys.path and sys.path[0] == self._path:
            if sys.flags.safe_path:
                del sys.path[0]
            else:
                sys.path[0] = os.path.dirname(os.path.realpath(self._path))  # noqa: PTH120 - as the interpreter writes it


class _ScriptFinder:
    """Finds one module, ``__main__``, in a script."""

    def __init__(self, path: str, code: CodeType) -> None:
        self._path = path
        self._code = code

    def find_spec(self, name: str, target: ModuleType | None = None) -> importlib.machinery.ModuleSpec | None:
        if name != "__main__":
            return None
        return importlib.util.spec_from_loader(name, _ScriptLoader(self._path, self._code), origin=self._path)


class _ScriptLoader(importlib.abc.Loader):
    """Has the code of a script."""

    def __init__(self, path: str, code: CodeType) -> None:
        self.path = path
        self._code = code

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        exec(self._code, module.__dict__)

    def get_code(self, name: str) -> CodeType:
        return self._code
