"""Do something with certain modules right after their code has run, whenever they are imported; never import them early."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any

AfterImport = Callable[[ModuleType], None]
MainCode = Callable[[str, Any], CodeType | None]
"""Takes a module's name and its loader; returns the code to run it as ``__main__``, or None for its own."""


class ImportHook(MetaPathFinder):
    """Watches imports by standing first in ``sys.meta_path``; all finding and loading is left to the others.

    Args:
        modules: Dotted names of the modules to watch.
        after: Called with each of them once its code has run; also when it is reloaded or imported again. Must not raise.
        main_code: Gives the code with which ``python -m`` runs one of them.
    """

    def __init__(self, modules: Collection[str], after: AfterImport, main_code: MainCode) -> None:
        self._modules = frozenset(modules)
        self._after = after
        self._main_code = main_code
        self._watching = False

    def install(self) -> None:
        """Watch from now on."""
        self._watching = True
        if self._modules and self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def remove(self) -> None:
        """Watch no more."""
        self._watching = False
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def await_lazy(self, module: ModuleType) -> bool:
        """Watch a module that `importlib.util.LazyLoader` has put off: its code runs when it is first used.

        Returns:
            False if it is not such a module, or has run already.
        """
        # By name: the class is private, and any question to the module itself would load it.
        if (type(module).__module__, type(module).__name__) != ("importlib.util", "_LazyModule"):
            return False
        spec: ModuleSpec = object.__getattribute__(module, "__dict__")["__spec__"]
        if not isinstance(spec.loader, _NotingLoader):
            spec.loader = self._noting(spec)
        return True

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Let the other finders find a watched module, and put our loader before theirs."""
        if fullname not in self._modules:
            return None
        # Only those behind us: those before us have been asked, and may be hooks like this one, who ask us in turn.
        finders = list(sys.meta_path)
        for finder in finders[finders.index(self) + 1 :] if self in finders else finders:
            find_spec = getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find_spec(fullname, path, target) if find_spec is not None else None
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = self._noting(spec)
                return spec
        return None

    def _noting(self, spec: ModuleSpec) -> _NotingLoader:
        return _NotingLoader(spec, spec.loader, self._after_unless_removed, self._main_code)

    def _after_unless_removed(self, module: ModuleType) -> None:
        if self._watching:
            self._after(module)


class _NotingLoader(Loader):
    """Loads as ``inner`` does and says when that is done. It takes itself out again before the module's code runs."""

    # Any: a loader of any make; all it has beyond Loader is passed on.
    def __init__(self, spec: ModuleSpec, inner: Any, after: AfterImport, main_code: MainCode) -> None:
        self._spec = spec
        self._inner = inner
        self._after = after
        self._main_code = main_code

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._inner.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        self._spec.loader = self._inner
        if getattr(module, "__loader__", None) is self:
            module.__loader__ = self._inner
        if module.__spec__ is not None and module.__spec__.loader is self:
            module.__spec__.loader = self._inner
        self._inner.exec_module(module)
        # A module may put something else in its own place.
        self._after(sys.modules.get(module.__name__, module))

    def get_code(self, fullname: str) -> CodeType | None:
        """Return the code that ``python -m`` runs."""
        self._spec.loader = self._inner
        staged = self._main_code(fullname, self._inner)
        if staged is not None:
            return staged
        code: CodeType | None = self._inner.get_code(fullname)
        return code

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
