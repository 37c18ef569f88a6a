"""Carry the current context into the threads and pools that a program starts work in.

``threading.Thread`` (and Timer) runs in the context in which it was started; a task of a ThreadPoolExecutor or
ProcessPoolExecutor in that in which it was submitted, whoever submits it (``map``, asyncio's ``run_in_executor``); those of
``multiprocessing.Pool`` and ``ThreadPool`` too; a ``multiprocessing.Process``, and a program started by ``subprocess``, in
that of its start. asyncio's tasks and ``asyncio.to_thread`` carry their context by themselves.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.context import Context

from otelkit.stages import children
from otelkit.stages._import_hook import ImportHook
from otelkit.stages.attached import attach, get_current, leave
from otelkit.stages.pool_task import PoolTask
from otelkit.stages.processes import begin_with_context, start_with_context
from otelkit.stages.subprocesses import popen_with_context

if TYPE_CHECKING:
    from types import CodeType, ModuleType

# Any below: the user's own functions, arguments and executors.
_Method = Callable[..., Any]
_Submit = Callable[..., Future[Any]]

_OWN_THREADS: Final = ("otelkit", "Otel")
"""Beginnings of the names of threads that serve telemetry: they work for everybody, so for no span in particular."""

_POOL_METHODS: Final = (
    "apply", "apply_async", "map", "map_async", "starmap", "starmap_async", "imap", "imap_unordered",
)  # fmt: skip

_replaced: list[tuple[type, str, _Method, _Method]] = []


def install() -> None:
    """Carry contexts from now on. Repeated calls do nothing.

    Where opentelemetry-instrumentation-threading is active it does what it does, and only the rest is done here: processes, and
    threads whose class has a ``run`` of its own.
    """
    if _replaced:
        return
    _replace(threading.Thread, "start", _start_with_context)
    _replace(ThreadPoolExecutor, "submit", _submit_with_context)
    # Importing these takes time that only a program which uses them should pay.
    _hook.install()
    for name in _AFTER_IMPORT:
        module = sys.modules.get(name)
        if module is not None:
            _after_import(module)


def is_installed() -> bool:
    """Return whether contexts are carried."""
    return bool(_replaced)


def uninstall() -> None:
    """Put the methods back. One that somebody else has wrapped meanwhile stays, and only passes on."""
    _hook.remove()
    for cls, name, original, replacement in reversed(_replaced):
        if vars(cls).get(name) is replacement:
            setattr(cls, name, original)
    _replaced.clear()


def _replace(cls: type, name: str, make: Callable[[_Method], _Method]) -> None:
    original = vars(cls)[name]
    replacement = make(_bound_first(original))
    setattr(cls, name, replacement)
    _replaced.append((cls, name, original, replacement))


def _bound_first(method: Any) -> _Method:
    """Return ``method`` to be called with its object first, as what somebody else has wrapped by wrapt can't be called."""
    # Not `isinstance`: wrapt's wrappers say that they are functions.
    if type(method) is FunctionType:
        return method

    @functools.wraps(method)
    def call(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        return method.__get__(self, type(self))(*args, **kwargs)

    return call


def _after_import(module: ModuleType) -> None:
    if not any(cls.__module__ == module.__name__ for cls, *_ in _replaced):
        _AFTER_IMPORT[module.__name__](module)


def _follow_process_pools(module: Any) -> None:
    _replace(module.ProcessPoolExecutor, "submit", _submit_to_process)


def _follow_pools(module: Any) -> None:
    for method in _POOL_METHODS:
        _replace(module.Pool, method, functools.partial(_hand_to_pool, module.ThreadPool))


def _follow_processes(module: Any) -> None:
    _replace(module.BaseProcess, "start", start_with_context)
    if hasattr(module.BaseProcess, "_bootstrap"):
        _replace(module.BaseProcess, "_bootstrap", begin_with_context)
    if module.parent_process() is not None:
        # Installed by a child at work, by `otelkit.configure` in its function say.
        children.is_one()


def _follow_subprocesses(module: Any) -> None:
    _replace(module.Popen, "__init__", popen_with_context)


_AFTER_IMPORT: Final[Mapping[str, Callable[[Any], None]]] = {
    "concurrent.futures.process": _follow_process_pools,
    "multiprocessing.pool": _follow_pools,
    "multiprocessing.process": _follow_processes,
    "subprocess": _follow_subprocesses,
}


def _no_main_code(name: str, loader: Any) -> CodeType | None:
    return None


_hook = ImportHook(_AFTER_IMPORT, _after_import, _no_main_code)


def _start_with_context(start: _Method) -> _Method:
    @functools.wraps(start)
    def started(self: threading.Thread) -> None:
        if (
            not _replaced
            or self.name.startswith(_OWN_THREADS)
            or (_upstream() and type(self).run is threading.Thread.run)
        ):
            start(self)
            return
        context = get_current()
        run = self.run

        def run_in_context() -> None:
            # Taken off again first: the thread must not hold itself, nor a context that is long over.
            del self.run
            token = attach(context)
            try:
                run()
            finally:
                leave(token)

        # On the object, so that it holds for classes with a `run` of their own, too.
        self.run = run_in_context  # type: ignore[method-assign]  # shadows the class's method for this one start
        try:
            start(self)
        except BaseException:
            vars(self).pop("run", None)
            raise

    return started


def _submit_with_context(submit: _Submit) -> _Submit:
    @functools.wraps(submit)
    def submitted(self: ThreadPoolExecutor, fn: _Method, /, *args: Any, **kwargs: Any) -> Future[Any]:
        if not _replaced or _upstream():
            return submit(self, fn, *args, **kwargs)
        return submit(self, functools.partial(_in_context, get_current(), fn), *args, **kwargs)

    return submitted


def _submit_to_process(submit: _Submit) -> _Submit:
    @functools.wraps(submit)
    def submitted(self: Any, fn: _Method, /, *args: Any, **kwargs: Any) -> Future[Any]:
        if _replaced:
            fn = PoolTask.of(fn, get_current(), orderly=True)
        return submit(self, fn, *args, **kwargs)

    return submitted


def _hand_to_pool(thread_pool: type, method: _Method) -> _Method:
    @functools.wraps(method)
    def handed(self: Any, func: _Method, *args: Any, **kwargs: Any) -> Any:
        # Some of the methods call others of them: a task is made once.
        if _replaced and not isinstance(func, PoolTask) and getattr(func, "func", None) is not _in_context:
            if isinstance(self, thread_pool):
                func = functools.partial(_in_context, get_current(), func)
            else:
                # `with Pool()` ends its workers by a signal.
                func = PoolTask.of(func, get_current(), orderly=False)
        return method(self, func, *args, **kwargs)

    return handed


def _in_context(context: Context, function: _Method, /, *args: Any, **kwargs: Any) -> Any:
    token = attach(context)
    try:
        return function(*args, **kwargs)
    finally:
        leave(token)


def _upstream() -> bool:
    """Return whether opentelemetry-instrumentation-threading is active."""
    module = sys.modules.get("opentelemetry.instrumentation.threading")
    return module is not None and bool(module.ThreadingInstrumentor().is_instrumented_by_opentelemetry)
