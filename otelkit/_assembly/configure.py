"""``otelkit.configure`` and ``otelkit.flush``: what the distro does, for a program that is started plainly."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from otelkit import _current
from otelkit._assembly.starting import speak_up
from otelkit.errors import AlreadyConfiguredError, SettingsError
from otelkit.health.disarm import disarm

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor

_log = logging.getLogger("otelkit.install")


def configure(
    *,
    span_processors: Iterable[SpanProcessor] = (),
    plugins: Iterable[object] = (),
    **settings: Any,  # Any: each setting has its own type, checked against its declaration
) -> None:
    """Set up OpenTelemetry and instrument stages, as ``opentelemetry-instrument`` would.

    Call it once, early, in the main program. A second call with equal settings (or none) does nothing; providers that the
    program has set already are used, never replaced.

    Args:
        span_processors: Processors of the OpenTelemetry SDK; each runs as a step of its own behind a fault barrier.
        plugins: Modules or objects with hookimpls, besides those that are installed.
        settings: Any setting by its lower-case name, e.g. ``stages=["app.steps:parse"]``; they win over environment and
            files. ``otelkit plan`` lists all.

    Raises:
        SettingsError: A setting given here is wrong; all mistakes at once. Nothing is installed.
        AlreadyConfiguredError: otelkit is installed with other settings.
    """
    speak_up()
    disarm(os.environ)
    # Here: the SDK costs 150 ms to import, which a program that only decorates should not pay.
    from otelkit._assembly.config_file import read_config_file
    from otelkit._assembly.install import install, installation
    from otelkit._assembly.plan import plan
    from otelkit._assembly.processors import given_candidates

    extra = tuple(given_candidates(span_processors, plugins))
    present = installation()
    if present is not None:
        _refuse_changes(present.settings, settings, bool(extra))
        return
    config_file = read_config_file(os.environ)
    planned = plan(file=config_file.settings if config_file else None, code=settings, extra=extra)
    if planned.blueprint.settings.mistakes_in_code:
        raise SettingsError(planned.blueprint.settings.mistakes_in_code)
    install(planned, config_file=config_file)


def flush(timeout_s: float = 30.0) -> bool:
    """Send what is pending and return True; False if that failed or took longer than ``timeout_s``.

    True at once where otelkit is not installed: nothing is pending.
    """
    runtime = _current.runtime
    return True if runtime is None else runtime.flush(timeout_s)


def _refuse_changes(present: Any, wanted: dict[str, Any], extra: bool) -> None:
    """Raise unless ``wanted`` is in force already."""
    changed = []
    for name, raw in wanted.items():
        declared = present.declared.get(name)
        try:
            same = declared is not None and declared.parse(raw) == present[name]
        except (ValueError, OverflowError):
            same = False
        if not same:
            shown = (
                repr(raw) if declared is None else f"{declared.shown(raw)} (in force: {declared.shown(present[name])})"
            )
            changed.append(f"{name}={shown}")
    if extra:
        changed.append("span_processors or plugins")
    if changed:
        raise AlreadyConfiguredError(
            "otelkit is configured already in this process, with other settings than those asked for now: "
            f"{', '.join(changed)}. Expected the same settings or none. Configure once, where the program starts."
        )
