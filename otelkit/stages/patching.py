"""Make stages of functions that a setting or a plugin names, without editing them, and undo it."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from otelkit._guard import Barrier, in_forked_child
from otelkit.model.targets import StageTarget
from otelkit.stages._import_hook import ImportHook
from otelkit.stages._main_script import MainScript, is_main
from otelkit.stages.places import Place, places
from otelkit.stages.wrapping import stage_of, wrapped

_log = logging.getLogger("otelkit.stages")


@dataclass(frozen=True, slots=True)
class _Patched:
    owner: ModuleType | type
    name: str
    original: Any  # Any: functions of any kind
    replacement: Any
    added: bool
    """The owner had the function from a base class only."""


class Patcher:
    """Wraps the functions that targets name: now, where their module is imported, else right after its first import.

    A function is wrapped once: what is a stage already stays as it is, and counts as found. A module-level function that other
    modules have imported by name before `install` is replaced there too. Where a program's own script is named, by the module
    name it would have or as ``__main__``, its functions are wrapped as they are defined, which needs `install` to come before
    the script starts; what a running script has defined already is wrapped where it stands. Code given by ``python -c`` or on
    standard input has no module to name.

    Args:
        targets: In the order of their precedence.
    """

    def __init__(self, targets: Sequence[StageTarget]) -> None:
        self._targets = tuple(targets)
        self._matched: set[StageTarget] = set()
        self._patched: list[_Patched] = []
        self._barrier = Barrier("stage targets")
        self._renew_lock()
        self._script = MainScript(self._targets, self._matched.add)
        self._hook = ImportHook(
            {target.module for target in self._targets}, self._after_import, self._script.code_of_module
        )
        in_forked_child(self._renew_lock)

    def _renew_lock(self) -> None:
        self._lock = threading.RLock()

    def install(self) -> None:
        """Wrap what is imported already, and the rest when it comes."""
        if not self._targets:
            return
        self._hook.install()
        self._script.install()
        before = len(self._patched)
        for name in dict.fromkeys(target.module for target in self._targets):
            module = sys.modules.get(name)
            if module is not None and name != "__main__" and not self._hook.await_lazy(module):
                self._after_import(module)
        main = sys.modules.get("__main__")
        if main is not None:
            self._patch(main, [target for target in self._targets if is_main(main, target.module)])
        self._replace_elsewhere(self._patched[before:])

    def uninstall(self) -> None:
        """Put every function back that is still ours, and watch imports no more."""
        self._hook.remove()
        self._script.remove()
        with self._lock:
            for each in reversed(self._patched):
                if vars(each.owner).get(each.name) is each.replacement:
                    if each.added:
                        delattr(each.owner, each.name)
                    else:
                        setattr(each.owner, each.name, each.original)
            self._patched.clear()

    def unmatched(self) -> list[StageTarget]:
        """Return the targets that have matched nothing so far: never imported, or there is no such function."""
        return [target for target in self._targets if target not in self._matched]

    def imported(self, target: StageTarget) -> ModuleType | None:
        """Return the module of a target; None if the program has never imported it, or never used what it put off."""
        main = sys.modules.get("__main__")
        runs = target.module in self._script.modules or (main is not None and is_main(main, target.module))
        module = main if runs else sys.modules.get(target.module)
        # Not the question to the module itself, which would load a lazy one.
        return module if type(module) is ModuleType else None

    def _after_import(self, module: ModuleType) -> None:
        self._patch(module, [target for target in self._targets if target.module == module.__name__])

    def _patch(self, module: ModuleType, targets: Iterable[StageTarget]) -> None:
        try:
            with self._lock:
                for target in targets:
                    if target.is_ground:
                        continue
                    for place in places(module, target.pattern):
                        self._wrap(place, target)
        except Exception as error:  # noqa: BLE001 - a module may contain anything; its import must not fail because of us
            self._barrier.fault(error, f"wrap in {module.__name__}")

    def _wrap(self, place: Place, target: StageTarget) -> None:
        self._matched.add(target)
        if stage_of(place.function) is not None:
            return
        module = target.module.rpartition(".")[2]
        staged = wrapped(
            place.function,
            name=target.name if not target.pattern.endswith("*") else None,
            pipeline=target.pipeline,
            item=target.item,
            default_name=f"{module}.{place.inherited_as}" if place.inherited_as else None,
        )
        try:
            setattr(place.owner, place.name, staged)
        except (AttributeError, TypeError) as error:
            self._matched.discard(target)
            _log.warning("%s can't be made a stage: %s", target.text, error)
            return
        self._patched.append(
            _Patched(place.owner, place.name, place.function, staged, added=place.inherited_as is not None)
        )

    def _replace_elsewhere(self, patched: Sequence[_Patched]) -> None:
        """Replace module-level functions in the modules that have imported them by name."""
        by_original = {id(each.original): each for each in patched if isinstance(each.owner, ModuleType)}
        if not by_original:
            return
        for module in list(sys.modules.values()):
            # Plain modules only. What a program puts into sys.modules need not be a module, and a lazy one (`LazyLoader`)
            # would be loaded by the question what is in it.
            if type(module) is not ModuleType:
                continue
            for name, value in list(vars(module).items()):
                found = by_original.get(id(value))
                if found is not None and value is found.original:
                    self._replace(module, name, found)

    def _replace(self, module: ModuleType, name: str, found: _Patched) -> None:
        try:
            setattr(module, name, found.replacement)
        except Exception as error:  # noqa: BLE001 - a module may refuse it, and the others still get theirs
            self._barrier.fault(error, f"replace in {module.__name__}")
        else:
            self._patched.append(_Patched(module, name, found.original, found.replacement, added=False))
