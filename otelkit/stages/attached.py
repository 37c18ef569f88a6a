"""Make an OpenTelemetry context current for a stretch of code, and take it back without ever complaining.

OpenTelemetry's ``detach`` logs "Failed to detach context" when it is called in another `contextvars.Context` than ``attach``
was, as happens to a coroutine that the garbage collector closes. Such a context never had ours, so there is nothing to undo.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextvars import ContextVar, Token
from typing import Any, Final

from opentelemetry import context as _context
from opentelemetry.context import Context

__all__ = ["attach", "get_current", "leave", "reset"]


def _variable() -> ContextVar[Context] | None:
    """Return the variable that holds the current context, if it is one: asked of a token, which knows where it came from."""
    token: Any = _context.attach(_context.get_current())  # Any: not every implementation's tokens are contextvars'
    variable = getattr(token, "var", None)
    _context.detach(token)
    try:
        return variable if isinstance(variable, ContextVar) and isinstance(variable.get(), Context) else None
    except LookupError:
        return None


_current: Final = _variable()

# Straight to the variable where there is one: two calls less for each of these, on every call of every stage.
get_current: Callable[[], Context] = _context.get_current if _current is None else _current.get
"""Return the current context."""
attach: Callable[[Context], Token[Context]] = _context.attach if _current is None else _current.set
"""Make a context current until ``leave``."""


def _reset(token: Token[Context]) -> None:
    leave(token)


reset: Callable[[Token[Context]], None] = _reset if _current is None else _current.reset
"""Make current what was current before an ``attach`` in the same call. Where it may be another context by now: `leave`."""


def leave(token: Token[Context]) -> None:
    """Make current what was current before the ``attach`` that returned ``token``."""
    try:
        token.var.reset(token)
    except (ValueError, RuntimeError):
        # ValueError: made in another context, see above. RuntimeError: already reset.
        pass
    except AttributeError:
        # The program runs with a context implementation of its own (OTEL_PYTHON_CONTEXT), whose tokens are not contextvars'.
        with contextlib.suppress(Exception):
            _context.detach(token)
