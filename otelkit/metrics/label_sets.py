"""Labels that are fit for a metric: few, short and not endlessly many."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, Final

from otelkit import names
from otelkit.model.calls import AttributeScalar

MAX_SETS: Final = 2000
"""Label sets kept apart in one metric; OpenTelemetry's own default limit."""
_MAX_TEXT: Final = 256
_OVERFLOW: Final[Mapping[str, AttributeScalar]] = {names.METRIC_OVERFLOW: True}


class LabelSets:
    """The label sets that one metric has been recorded with; what is beyond the limit shares one series.

    Thread-safe: a race may let a few sets too many in, never lose a value.
    """

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: set[frozenset[tuple[str, AttributeScalar]]] = set()

    def admit(self, labels: Mapping[str, AttributeScalar]) -> Mapping[str, AttributeScalar]:
        """Return ``labels``, or the overflow label if there are too many sets already."""
        key = frozenset(labels.items())
        if key in self._seen:
            return labels
        if len(self._seen) >= MAX_SETS:
            return _OVERFLOW
        self._seen.add(key)
        return labels


def clean_labels(
    *sources: Mapping[str, Any] | None,
) -> dict[str, AttributeScalar]:  # Any: whatever a program labels with
    """Return one mapping of the given ones, the later ones winning: no None, texts of at most 256 characters."""
    labels: dict[str, AttributeScalar] = {}
    for source in sources:
        for key, value in (source or {}).items():
            if value is None:
                continue
            labels[str(key)] = value if isinstance(value, bool | int | float) else str(value)[:_MAX_TEXT]
    return labels


def clean_number(value: Any) -> float | None:  # Any: whatever a program records
    """Return ``value`` as a plain finite number (numpy's numbers included), or None if it is none."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    number = int(value) if isinstance(value, Integral) else float(value)
    return number if math.isfinite(number) else None
