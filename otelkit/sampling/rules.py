"""Sampling rules as people write them: ``nightly: stage=load* pipeline=nightly -> 1/20``."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from opentelemetry.util.types import AnyValue

from otelkit.errors import SettingsError
from otelkit.sampling.rules_conditions import Condition, parse_condition
from otelkit.settings import parse_share

FORM: Final = "[NAME:] KEY=PATTERN ... -> RATE"
_SETTING: Final = "sampling_rules"
_ARROW: Final = re.compile(r"->|→")
_WORD: Final = re.compile(r"""(?:[^\s"']|"[^"]*"|'[^']*')+""")
_QUOTED: Final = re.compile(r""""([^"]*)"|'([^']*)'""")
_NAME: Final = re.compile(r"[^=~]+:")


@dataclass(frozen=True, slots=True)
class Rule:
    """Which traces, and how many of them are kept."""

    name: str
    """As given, else what it matches, as it was written."""
    conditions: tuple[Condition, ...]
    """All must hold of the span with which the trace starts; none: every trace."""
    rate: float
    """Share of these traces that is kept, 0 to 1."""

    def matches(self, facts: Mapping[str, AnyValue]) -> bool:
        """Say whether the rule is for a trace, by what is known of the span with which it starts."""
        return all(condition.holds(facts) for condition in self.conditions)

    def covers(self, other: Rule) -> bool:
        """Say whether this rule certainly matches whatever ``other`` matches."""
        return all(any(theirs.implies(ours) for theirs in other.conditions) for ours in self.conditions)


def parse_rules(texts: Sequence[str], source: str) -> tuple[Rule, ...]:
    """Return the rules that the setting ``sampling_rules`` says.

    Args:
        texts: One rule each; see `FORM`.
        source: Where they come from, for messages.

    Raises:
        SettingsError: At least one is wrong, never reached or contradicts another; or there are none. All mistakes at once.
    """
    rules: list[tuple[int, str, Rule]] = []
    mistakes: list[str] = []
    for number, text in enumerate(texts, 1):
        found, wrong = _parse(text)
        said = f"{_SETTING} has {text!r} (rule {number}, from {source})"
        mistakes += [f"{said}: {mistake}." for mistake in wrong]
        if found is not None:
            rules.append((number, said, found))
    mistakes += _conflicts(rules)
    if not texts:
        mistakes.append(f"{_SETTING} is empty; expected at least one rule, like 'stage=health* -> 0'.")
    if mistakes:
        raise SettingsError(mistakes, setting=_SETTING)
    return tuple(rule for _, _, rule in rules)


def parse_rate(text: str) -> float:
    """Return a rate: a number from 0 to 1, or a fraction like ``1/20``.

    Raises:
        ValueError: It is neither.
    """
    rate = parse_share(text)
    if not (math.isfinite(rate) and 0.0 <= rate <= 1.0):
        raise ValueError
    return rate


def _parse(text: str) -> tuple[Rule | None, list[str]]:
    """Return the rule, or None and all that is wrong with it."""
    arrows = list(_ARROW.finditer(text))
    if not arrows:
        return None, [f"there is no arrow; expected {FORM}"]
    said, rate_said = text[: arrows[-1].start()], text[arrows[-1].end() :].strip()
    mistakes: list[str] = []
    rate = 0.0
    try:
        rate = parse_rate(rate_said)
    except (ValueError, OverflowError):
        mistakes.append(
            f"the rate is {rate_said!r}; expected a number from 0 to 1, or a fraction like 1/20. Use 1 to keep every one"
        )
    words = _WORD.findall(said)
    if _WORD.sub("", said).strip():
        return None, [*mistakes, "a quotation mark is not closed; expected a second one"]
    name = _unquoted(words.pop(0)[:-1]).strip() if words and _NAME.fullmatch(words[0]) else ""
    if not words:
        return None, [*mistakes, f"it says no condition; expected {FORM}, with * for every span"]
    conditions: list[Condition] = []
    for word in map(_unquoted, words):
        if word != "*":
            try:
                conditions.append(parse_condition(word))
            except ValueError as error:
                mistakes.append(str(error))
    mistakes += _impossible(conditions)
    return (None, mistakes) if mistakes else (Rule(name or " ".join(words), tuple(conditions), rate), [])


def _impossible(conditions: Sequence[Condition]) -> Iterator[str]:
    """Yield why no span can match, once."""
    for one in conditions:
        other = next((other for other in conditions if one.excludes(other)), None)
        if other is not None:
            yield f"it can never match, since {one.text!r} and {other.text!r} are never both true. Make it two rules"
            return


def _unquoted(word: str) -> str:
    return _QUOTED.sub(lambda quoted: quoted[1] if quoted[1] is not None else quoted[2], word)


def _conflicts(rules: Sequence[tuple[int, str, Rule]]) -> Iterator[str]:
    """Yield what is wrong between rules: two of one name, one that is never reached."""
    for index, (_, said, rule) in enumerate(rules):
        for earlier_number, _, earlier in rules[:index]:
            if set(earlier.conditions) == set(rule.conditions) and earlier.rate != rule.rate:
                yield (
                    f"{said}: it contradicts rule {earlier_number}, which gives the same traces the rate {earlier.rate:g}. "
                    "Remove one of them."
                )
                break
            if earlier.covers(rule):
                yield (
                    f"{said}: it is never reached, since rule {earlier_number} ({earlier.name}) comes first and matches all "
                    "that it matches. Put it before that one, or remove it."
                )
                break
            if earlier.name == rule.name:
                yield f"{said}: rule {earlier_number} has the name {rule.name!r} already. Give it another one."
                break
