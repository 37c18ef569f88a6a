"""OpenTelemetry's names, units and attributes as Prometheus has them.

Source: OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

_NOT_IN_METRIC: Final = re.compile(r"[^a-zA-Z0-9_:]+")
_NOT_IN_LABEL: Final = re.compile(r"[^a-zA-Z0-9_]+")
_ANNOTATION: Final = re.compile(r"\{[^}]*\}")

_UNITS: Final = {
    "d": "days", "h": "hours", "min": "minutes", "s": "seconds",
    "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds",
    "By": "bytes", "KiBy": "kibibytes", "MiBy": "mebibytes", "GiBy": "gibibytes", "TiBy": "tibibytes",
    "KBy": "kilobytes", "MBy": "megabytes", "GBy": "gigabytes", "TBy": "terabytes",
    "m": "meters", "V": "volts", "A": "amperes", "J": "joules", "W": "watts", "g": "grams", "Cel": "celsius", "Hz": "hertz",
    "%": "percent",
}  # fmt: skip
_PER: Final = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year"}


def family_name(name: str, unit: str, kind: str) -> str:
    """Return a metric's name with its unit, without the ``_total`` of counters.

    Args:
        name: As OpenTelemetry has it.
        unit: In UCUM notation.
        kind: ``counter``, ``gauge`` or ``histogram``.
    """
    base = _NOT_IN_METRIC.sub("_", name)
    base = re.sub("__+", "_", base)
    if kind == "counter":
        base = base.removesuffix("_total")
    unit = unit_name(unit, kind)
    if unit and not base.endswith(f"_{unit}") and base != unit:
        base = f"{base}_{unit}"
    return f"_{base}" if base[:1].isdigit() else base


def unit_name(unit: str, kind: str) -> str:
    """Return a unit as it stands in a name: ``By/s`` is ``bytes_per_second``; empty: it does not stand there."""
    if unit == "1":
        return "ratio" if kind == "gauge" else ""
    amount, _, per = _ANNOTATION.sub("", unit).partition("/")
    words = [_UNITS.get(amount, amount)] if amount else []
    if per:
        words.append(f"per_{_PER.get(per, per)}")
    return re.sub("__+", "_", _NOT_IN_METRIC.sub("_", "_".join(words))).strip("_")


def labels_text(attributes: Mapping[str, object]) -> str:
    """Return attributes as they stand between the braces; keys that become equal share one label, values joined by ``;``."""
    labels: dict[str, str] = {}
    for key in sorted(attributes):
        name = _NOT_IN_LABEL.sub("_", key) or "_"
        if name[0].isdigit():
            name = f"key_{name}"
        text = _text_of(attributes[key])
        labels[name] = f"{labels[name]};{text}" if name in labels else text
    return ",".join(f'{name}="{escaped(text)}"' for name, text in labels.items())


def escaped(text: str) -> str:
    """Return ``text`` as it stands between quotes."""
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _text_of(value: object) -> str:
    # Lone surrogates can't be sent as UTF-8.
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    try:
        return json.dumps(value, separators=(",", ":"), default=str)
    except (TypeError, ValueError, RecursionError):
        return str(value)
