"""otelkit's samplers for the SDK's two entry-point groups, by which somebody else than otelkit makes them.

``opentelemetry_traces_sampler`` calls with ``OTEL_TRACES_SAMPLER_ARG`` as text, or None; ``opentelemetry_sampler`` (a sampler
inside another one in the declarative file) calls with nothing. Settings come from where they always do. What is wrong with them
is logged, and the default takes the sampler's place: what raises here takes all telemetry with it.
"""

from __future__ import annotations

import logging
import os

from opentelemetry.sdk.trace.sampling import Sampler

from otelkit._assembly.config_file import read_config_file
from otelkit._assembly.sampler import Wanted, make_sampler
from otelkit._assembly.starting import speak_up
from otelkit._assembly.unread_settings import ARGUMENT
from otelkit._builtin.samplers import otelkit_samplers
from otelkit._builtin.setting_list import SETTINGS
from otelkit.model.blueprint import Offered
from otelkit.settings import read_settings_file, resolve

_log = logging.getLogger("otelkit.settings")


def otelkit_ratio(argument: str | None = None) -> Sampler:
    """Return the sampler that keeps a fixed share of all traces.

    Args:
        argument: The rate from 0 to 1 as text; None: ``OTEL_TRACES_SAMPLER_ARG``, else the setting, else 1.
    """
    return _made("otelkit_ratio", argument)


def otelkit_rules(argument: str | None = None) -> Sampler:
    """Return the sampler that goes by the setting ``sampling_rules``.

    Args:
        argument: The rate from 0 to 1 of what no rule matches, as text; None: as for `otelkit_ratio`.
    """
    return _made("otelkit_rules", argument)


def otelkit_adaptive(argument: str | None = None) -> Sampler:
    """Return the sampler that keeps a number of traces per second.

    Args:
        argument: That number, as text; None: ``OTEL_TRACES_SAMPLER_ARG``, else the setting ``sampling_target_per_s``.
    """
    return _made("otelkit_adaptive", argument)


def otelkit_tail(argument: str | None = None) -> Sampler:
    """Return the sampler that decides at a trace's end; it says so if the ended spans do not come by otelkit.

    Args:
        argument: The share of normal traces as text; None: ``OTEL_TRACES_SAMPLER_ARG``, else the setting.
    """
    return _made("otelkit_tail", argument)


def _made(name: str, argument: str | None) -> Sampler:
    speak_up()
    config_file = read_config_file(os.environ)
    file = config_file.settings if config_file is not None else read_settings_file()
    settings = resolve(SETTINGS, env=os.environ, file=file, complete=False)
    for mistake in settings.mistakes:
        if mistake.startswith("sampling_"):
            _log.error("%s", mistake)
    offered = {other: Offered("samplers", None, factory) for other, factory in otelkit_samplers(settings).items()}
    wanted = Wanted(name, "an entry point", argument or os.environ.get(ARGUMENT, "").strip() or None)
    return make_sampler(wanted, offered, settings).say().sampler
