"""One condition of a sampling rule: a key of a span that starts, and what its value must look like."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import translate
from typing import Final, Literal

from opentelemetry.util.types import AnyValue

from otelkit import names

SPAN_NAME: Final = "span name"
SPAN_KIND: Final = "span kind"
"""Keys of what is no attribute; the blank keeps them apart from all attributes."""

KEYS: Final[Mapping[str, str]] = {
    "stage": names.STAGE_NAME,
    "pipeline": names.PIPELINE_NAME,
    "name": SPAN_NAME,
    "kind": SPAN_KIND,
}
"""The short keys of rules. Any other has a dot, and is the attribute of that name."""

_PLAIN_ATTRIBUTE: Final = "attribute."
"""Goes before the name of an attribute that has no dot."""
_SINGLE: Final = frozenset(KEYS.values())
"""Keys that have one value each, where attributes may have several."""
_FORM: Final = re.compile(r"(?P<key>[A-Za-z_][\w./-]*)(?P<operator>!=|=|~)(?P<pattern>.*)", re.DOTALL)

Operator = Literal["=", "!=", "~"]


@dataclass(frozen=True, slots=True)
class Condition:
    """Says of one key what its value must be, or must not be."""

    key: str
    """An attribute, `SPAN_NAME` or `SPAN_KIND`."""
    operator: Operator
    """``=`` like the shell's pattern, ``!=`` not like it (or not there), ``~`` has a part like the regular expression."""
    pattern: str
    text: str = field(compare=False)
    """As it was written."""
    form: re.Pattern[str] = field(compare=False, repr=False)

    def holds(self, facts: Mapping[str, AnyValue]) -> bool:
        """Say whether it is true of a span, given its attributes and what else `KEYS` names.

        Of an attribute with several values one has to be like the pattern; for ``!=``, none may be.
        """
        value = facts.get(self.key)
        found = value is not None and any(self._like(text) for text in _texts(value))
        return found is (self.operator != "!=")

    def _like(self, text: str) -> bool:
        return bool(self.form.search(text) if self.operator == "~" else self.form.match(text))

    def implies(self, other: Condition) -> bool:
        """Say whether ``other`` certainly holds of every span of which this one holds."""
        if self == other:
            return True
        if self.key != other.key:
            return False
        match self.operator, other.operator:
            case "=", "=":
                return covers(other.pattern, self.pattern)
            case "!=", "!=":
                return covers(self.pattern, other.pattern)
            case "~", "=":
                return other.pattern == "*"
            case "=", "~":
                return _is_literal(self.pattern) and other._like(self.pattern)
            case "=", "!=":
                # One of several values may be this one, and another what the other condition forbids.
                return self.key in _SINGLE and _is_literal(self.pattern) and not other._like(self.pattern)
        return False

    def excludes(self, other: Condition) -> bool:
        """Say whether ``other`` certainly holds of no span of which this one holds."""
        if self.key != other.key or self.operator != "=":
            return False
        if other.operator == "!=" and covers(other.pattern, self.pattern):
            return True
        # Of several values one may be this one, and another what the other condition asks for.
        return self.key in _SINGLE and _is_literal(self.pattern) and not other.holds({self.key: self.pattern})


def parse_condition(text: str) -> Condition:
    """Return the condition that ``KEY=PATTERN``, ``KEY!=PATTERN`` or ``KEY~EXPRESSION`` says.

    Raises:
        ValueError: It has another form; the message says what was expected.
    """
    parts = _FORM.fullmatch(text)
    if parts is None or not parts["pattern"]:
        raise ValueError(
            f"{text!r} is no condition; expected KEY=PATTERN, KEY!=PATTERN, KEY~EXPRESSION or * for every span"
        )
    key, pattern = parts["key"], parts["pattern"]
    if key in KEYS:
        key = KEYS[key]
    elif key.startswith(_PLAIN_ATTRIBUTE):
        key = key.removeprefix(_PLAIN_ATTRIBUTE)
    elif "." not in key:
        raise ValueError(
            f"{text!r} has the key {key!r}; expected one of {', '.join(KEYS)}, or an attribute with a dot in its name "
            f"({_PLAIN_ATTRIBUTE}{key} means the attribute {key!r})"
        )
    operator: Operator = "~" if parts["operator"] == "~" else "=" if parts["operator"] == "=" else "!="
    if key == SPAN_KIND:
        pattern = pattern.lower()
    try:
        form = re.compile(pattern if operator == "~" else translate(pattern))
    except re.error as error:
        raise ValueError(f"{text!r} has a regular expression that can't be read: {error}") from None
    return Condition(key, operator, pattern, text, form)


def covers(wide: str, narrow: str) -> bool:
    """Say whether every text like the shell's pattern ``narrow`` is like ``wide``, too.

    Patterns with ``[…]`` cover only themselves, and literal texts.
    """
    if _is_literal(narrow):
        return bool(re.match(translate(wide), narrow))
    if "[" in wide or "[" in narrow:
        return wide == narrow
    # reached[j]: what has been read of `wide` covers the first j characters of `narrow`.
    reached = [True] + [False] * len(narrow)
    for sign in wide:
        if sign == "*":
            first = reached.index(True) if True in reached else len(reached)
            reached = [j >= first for j in range(len(reached))]
        else:
            fits = [letter != "*" and (sign in ("?", letter)) for letter in narrow]
            reached = [False, *(before and fit for before, fit in zip(reached, fits, strict=False))]
    return reached[-1]


def _is_literal(pattern: str) -> bool:
    return not any(sign in pattern for sign in "*?[")


def _texts(value: AnyValue) -> tuple[str, ...]:
    """Return an attribute's value, or each of its values, as rules write it: ``true``, ``404``, ``GET``."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, bool):
        return ("true" if value else "false",)
    if isinstance(value, list | tuple):
        return tuple(text for one in value for text in _texts(one))
    return (str(value),)
