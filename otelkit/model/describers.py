"""How a value becomes a few bounded attributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from otelkit.model.calls import AttributeValue

Describer = Callable[[Any], Mapping[str, AttributeValue]]
"""Takes a value of the type it was registered for; returns attribute suffix -> value, e.g. ``{"rows": 3}``.

An empty suffix means the argument's own attribute. It never returns a payload: at most 8 attributes, strings of at most 120
characters, and it must not iterate, copy or change what it is given.
"""
