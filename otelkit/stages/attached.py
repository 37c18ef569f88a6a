"""Make an OpenTelemetry context current for a stretch of code, and take it back without ever complaining.

OpenTelemetry's ``detach`` logs "Failed to detach context" when it is called in another `contextvars.Context` than ``attach``
was, as happens to a coroutine that the garbage collector closes. Such a context never had ours, so there is nothing to undo.
"""

from __future__ import annotations

import contextlib
from contextvars import Token

from opentelemetry.context import Context, attach, detach, get_current

__all__ = ["attach", "get_current", "leave"]


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
            detach(token)
