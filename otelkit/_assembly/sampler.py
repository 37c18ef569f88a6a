"""Which head sampler is asked for, and what is wrong with that."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_OFF,
    DEFAULT_ON,
    ParentBased,
    Sampler,
    TraceIdRatioBased,
)

from otelkit._assembly.environment import find_entry_point, known_names
from otelkit._assembly.unread_settings import ARGUMENT, VARIABLE, Readings, find_unread
from otelkit.errors import SettingsError
from otelkit.model.blueprint import Offered, SamplerFactory
from otelkit.model.checks import Finding, Severity
from otelkit.model.sampling import RootDecider, StageRootDecider
from otelkit.sampling.debug import with_debug
from otelkit.settings import Settings

_log = logging.getLogger("otelkit.settings")

DEFAULT: Final = "parentbased_always_on"
_GROUP: Final = "opentelemetry_traces_sampler"
STANDARD: Final = (
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
)
"""The names that OpenTelemetry's specification defines."""

_BY_CLASS: Final = "otelkit_tail"
_RATES: Final = ("sampling_normal_ratio", "sampling_error_ratio")
"""Who sets one of these, by whatever name, wants the sampler for which both mean something."""
_KEPT: Final = "Every trace is kept until it is corrected."
_FIX: Final = "Correct it where it is set."

Samplers = Mapping[str, Offered[SamplerFactory]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for."""

    name: str
    source: str
    """The variable, or the setting and where it is set; ``default`` where nobody has asked."""
    argument: str | None = None
    """``OTEL_TRACES_SAMPLER_ARG``."""


@dataclass(frozen=True, slots=True)
class ChosenSampler:
    """The sampler in force, and how that came."""

    sampler: Sampler
    wanted: Wanted
    findings: tuple[Finding, ...] = ()
    """What is wrong: with an error in it, the default is in force instead of what was wanted."""

    @property
    def description(self) -> str:
        """The sampler's own words."""
        try:
            return str(self.sampler.get_description())
        except Exception as error:  # noqa: BLE001 - a stranger's sampler may raise anything
            return f"{type(self.sampler).__name__}, whose description failed: {type(error).__name__}"

    def say(self) -> ChosenSampler:
        """Log what is wrong."""
        for finding in self.findings:
            level = logging.ERROR if finding.severity is Severity.ERROR else logging.WARNING
            _log.log(level, "%s %s", finding.what, finding.why)
        return self


def choose_sampler(offered: Samplers, env: Mapping[str, str], settings: Settings) -> ChosenSampler:
    """Return the sampler asked for, with the override for debugging; on any mistake the default, and what is wrong."""
    return make_sampler(wanted_sampler(offered, env, settings), offered, settings)


def wanted_sampler(offered: Samplers, env: Mapping[str, str], settings: Settings) -> Wanted:
    """Return what is asked for: by OpenTelemetry's variable, else by the setting ``sampler``, else by a rate."""
    argument = env.get(ARGUMENT, "").strip() or None
    name = env.get(VARIABLE, "").strip()
    if name:
        return Wanted(name, VARIABLE, argument)
    name = settings.text("sampler")
    if name:
        return Wanted(name, settings.sources["sampler"], argument)
    for rate in _RATES:
        if rate in settings.given and _BY_CLASS in offered:
            source = settings.sources[rate]
            return Wanted(_BY_CLASS, rate if source == "default" else source, argument)
    return Wanted(DEFAULT, "default", argument)


def make_sampler(
    wanted: Wanted,
    offered: Samplers,
    settings: Settings,
    *,
    others: Iterable[str] = (),
    parent_based: bool = False,
) -> ChosenSampler:
    """Return the sampler of that name, with the override for debugging, or the default and what is wrong.

    Args:
        wanted: What was asked for.
        offered: By plugins, otelkit's own among them.
        settings: In force.
        others: Further names that could have been asked for, for messages.
        parent_based: Whether spans below a parent are to do as that, if the sampler does not see to it itself.
    """
    name = wanted.name if wanted.name in offered else wanted.name.lower()
    if name in STANDARD:
        chosen = _standard(name, wanted)
    else:
        chosen = _offered(offered[name].value, wanted) if name in offered else _installed(wanted, {*offered, *others})
    if not any(finding.severity is Severity.ERROR for finding in chosen.findings):
        unread = tuple(find_unread(_readings(name, offered), name, wanted.argument, settings))
        chosen = replace(chosen, findings=(*chosen.findings, *unread))
    sampler = chosen.sampler
    if parent_based and not isinstance(sampler, RootDecider | StageRootDecider | ParentBased):
        sampler = ParentBased(sampler)
    follows_parent = (
        sampler is DEFAULT_ON
        # Below it nothing is sampled but what is forced.
        or sampler is ALWAYS_OFF
        or (name in STANDARD and name.startswith("parentbased_"))
    )
    return replace(chosen, sampler=debuggable(sampler, settings, follows_parent=follows_parent))


def debuggable(sampler: Sampler, settings: Settings, *, follows_parent: bool = False) -> Sampler:
    """Return the sampler with the override for debugging around it, as the settings ask.

    Args:
        sampler: The one that was chosen.
        settings: In force.
        follows_parent: Whether it is known to let local children do as their parent.
    """
    if sampler is ALWAYS_ON:
        return sampler
    known = True if sampler is DEFAULT_ON else False if sampler is ALWAYS_OFF or sampler is DEFAULT_OFF else None
    return with_debug(
        sampler,
        always=settings.flag("sampling_debug"),
        key=settings.text("sampling_debug_key"),
        follows_parent=follows_parent,
        known=known,
    )


def _standard(name: str, wanted: Wanted) -> ChosenSampler:
    try:
        ratio = TraceIdRatioBased(float(wanted.argument or 1.0)) if name.endswith("traceidratio") else ALWAYS_ON
    except ValueError:
        return _default(
            wanted, f"{ARGUMENT} is {wanted.argument!r}, with the sampler {name}; expected a number from 0 to 1."
        )
    samplers: Mapping[str, Sampler] = {
        "always_on": ALWAYS_ON,
        "always_off": ALWAYS_OFF,
        "traceidratio": ratio,
        "parentbased_always_on": DEFAULT_ON,
        "parentbased_always_off": DEFAULT_OFF,
        "parentbased_traceidratio": ParentBased(ratio),
    }
    return ChosenSampler(samplers[name], wanted)


def _offered(factory: Callable[[str | None], object], wanted: Wanted) -> ChosenSampler:
    sampler: object
    try:
        sampler = factory(wanted.argument)
    except SettingsError as error:
        return _default(wanted, *error.mistakes)
    except Exception as error:  # noqa: BLE001 - a stranger's factory may raise anything
        argument = f", {ARGUMENT}={wanted.argument!r}" if wanted.argument else ""
        return _default(
            wanted,
            f"The sampler {wanted.name!r} ({wanted.source}{argument}) could not be made: {type(error).__name__}: {error}.",
        )
    if not isinstance(sampler, Sampler):
        return _default(
            wanted,
            f"The sampler {wanted.name!r} ({wanted.source}) made a {type(sampler).__name__}; expected a Sampler.",
        )
    return ChosenSampler(sampler, wanted)


def _installed(wanted: Wanted, offered: Iterable[str]) -> ChosenSampler:
    entry = find_entry_point(_GROUP, wanted.name)
    if entry is not None:
        # Loaded there, where whatever it raises is expected.
        return _offered(lambda argument: entry.load()(argument), wanted)  # noqa: PLW0108 - see above
    # Here: names are right as a rule.
    from otelkit.health.named import unknown_name

    known = {*STANDARD, *offered, *known_names(_GROUP)}
    return ChosenSampler(DEFAULT_ON, wanted, (unknown_name(wanted.source, "sampler", wanted.name, known, _KEPT),))


def _default(wanted: Wanted, *mistakes: str) -> ChosenSampler:
    return ChosenSampler(DEFAULT_ON, wanted, tuple(map(_wrong, mistakes)))


def _wrong(what: str) -> Finding:
    return Finding("sampler.wrong", Severity.ERROR, what, _KEPT, _FIX)


def _readings(name: str, offered: Samplers) -> Readings:
    of_others = {other: getattr(offer.value, "reads", None) for other, offer in offered.items()}
    reads: Mapping[str, tuple[str, ...] | None] = {
        other: said if isinstance(said, tuple) else None for other, said in of_others.items()
    }
    # OpenTelemetry's own look at nothing of ours; of a stranger's nobody knows.
    return {**dict.fromkeys(STANDARD, ()), **reads, name: reads.get(name, () if name in STANDARD else None)}
