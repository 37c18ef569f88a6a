"""A block of code as a stage: what ``with otelkit.stage(…) as call`` gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otelkit import _current, names
from otelkit.model.calls import AttributeValue, Stage
from otelkit.model.runtime import OpenCall
from otelkit.stages.attached import attach, get_current, leave
from otelkit.stages.describe import item_text

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context


class Block:
    """One pass through the block. Without an installed otelkit its methods do nothing."""

    __slots__ = ("_call", "_token")

    def __init__(self, stage: Stage, item: object = None) -> None:
        self._call: OpenCall | None = None
        self._token: Token[Context] | None = None
        runtime = _current.runtime
        if runtime is not None:
            self._call = runtime.open(stage)
            if item is not None:
                text = item_text(item)
                if text is not None:
                    self._call.set(names.ITEM_ID, text)
            self._token = attach(self._call.scope)

    def items(self, ok: int = 0, failed: int = 0, skipped: int = 0) -> None:
        """Count the items handled in this call; repeated calls add. Without any the call is one item."""
        if self._call is not None:
            self._call.add_items(ok, failed, skipped)

    def set(self, key: str, value: AttributeValue) -> None:
        """Put an attribute on the call's span."""
        if self._call is not None:
            self._call.set(key, value)

    def is_current(self) -> bool:
        """Return whether the code that asks runs directly in this block."""
        return self._call is not None and get_current() is self._call.scope

    def close(self, error: BaseException | None = None) -> None:
        """End the call; leaving the ``with`` block does it."""
        if self._token is not None:
            leave(self._token)
            self._token = None
        if self._call is not None:
            self._call.close(error)
