"""The sampler that ``OTEL_CONFIG_FILE`` names, made with our settings, which OpenTelemetry would not hand to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import get_tracer_provider

from otelkit._assembly.config_file import VARIABLE as FILE_VARIABLE
from otelkit._assembly.config_file import ConfigFile, FileSampler
from otelkit._assembly.environment import find_entry_point, known_names
from otelkit._assembly.sampler import (
    DEFAULT,
    ChosenSampler,
    Samplers,
    Wanted,
    choose_sampler,
    debuggable,
    make_sampler,
    wanted_sampler,
)
from otelkit._assembly.unread_settings import ARGUMENT
from otelkit.model.blueprint import Offered, SamplerChoice
from otelkit.model.checks import Finding, Severity
from otelkit.settings import Settings

_GROUP: Final = "opentelemetry_sampler"


def choose_for_file(
    config_file: ConfigFile, offered: Samplers, env: Mapping[str, str], settings: Settings
) -> ChosenSampler | None:
    """Return the sampler that a configuration file asks for; None where OpenTelemetry makes one of its own.

    It is named in ``tracer_provider.sampler``, alone or as the root of ``parent_based``; else in our settings.
    """
    argument = {name: value for name, value in env.items() if name == ARGUMENT}
    named = config_file.sampler
    if named is None:
        wanted = wanted_sampler(offered, argument, settings)
        return None if wanted.name == DEFAULT else make_sampler(wanted, offered, settings)
    if named.name is None:
        return None
    source = f"tracer_provider.sampler in {config_file.path}"
    wanted = Wanted(named.name, source, argument.get(ARGUMENT, "").strip() or None)
    chosen = make_sampler(
        wanted,
        {**_installed(named.name), **offered},
        settings,
        others=known_names(_GROUP),
        parent_based=named.parent_based,
    )
    return replace(chosen, findings=(*chosen.findings, *_lost_settings(named, source)))


def _installed(name: str) -> Samplers:
    entry = find_entry_point(_GROUP, name)
    # OpenTelemetry calls these with nothing.
    return {} if entry is None else {name: Offered(f"entry point {_GROUP}", None, lambda argument: entry.load()())}


def _lost_settings(named: FileSampler, source: str) -> tuple[Finding, ...]:
    if not named.settings:
        return ()
    return (
        Finding(
            "sampler.setting_unused",
            Severity.WARNING,
            f"{source} gives {named.name} the settings {', '.join(sorted(map(str, named.settings)))}, which OpenTelemetry "
            "does not pass on.",
            "They change nothing.",
            f"Write settings of otelkit's samplers under distribution.otelkit in the file that {FILE_VARIABLE} names.",
        ),
    )


def chosen_where(
    config_file: ConfigFile | None, offered: Samplers, env: Mapping[str, str], settings: Settings
) -> tuple[SamplerChoice, tuple[Finding, ...]]:
    """Return what would be in force in a program started here, in words, and what is wrong with it."""
    if config_file is None:
        chosen = choose_sampler(offered, env, settings)
    else:
        of_file = choose_for_file(config_file, offered, env, settings)
        if of_file is None:
            where = f"OpenTelemetry's own, as {config_file.path} has it"
            return SamplerChoice("OpenTelemetry's own", str(config_file.path), None, where), ()
        chosen = of_file
    wanted = chosen.wanted
    return SamplerChoice(wanted.name, wanted.source, wanted.argument, chosen.description), chosen.findings


def apply_with_sampler(config_file: ConfigFile, offered: Samplers, env: Mapping[str, str], settings: Settings) -> bool:
    """Set the providers that the file describes, with its sampler made by us; False if that failed, which is said.

    A sampler that can't be made, or that nobody knows, costs nothing else of the file.
    """
    named, chosen = config_file.sampler, choose_for_file(config_file, offered, env, settings)
    if chosen is not None:
        chosen.say()
        if named is not None:
            config_file.leave_out_sampler()
    if not config_file.apply():
        return False
    provider = get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.sampler = chosen.sampler if chosen is not None else debuggable(provider.sampler, settings)
    return True
