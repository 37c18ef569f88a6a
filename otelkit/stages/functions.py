"""Stages that are plain functions."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from otelkit import _current
from otelkit.model.calls import Stage
from otelkit.stages.attached import attach, leave, reset


def wrap_function(function: Callable[..., Any], stage: Stage) -> Callable[..., Any]:  # Any: the user's own signature
    """Return ``function`` as a stage."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        runtime = _current.runtime
        if runtime is None:
            return function(*args, **kwargs)
        call = runtime.open(stage, args, kwargs)
        token = attach(call.scope)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            leave(token)
            call.close(error)
            raise
        try:
            reset(token)
        except Exception:  # noqa: BLE001 - the function has changed the context of the thread it runs in
            leave(token)
        call.close()
        return result

    return wrapper
