"""Who is speaking: the resource of this process."""

from __future__ import annotations

import os
import sys
import uuid
from pathlib import Path

from opentelemetry.sdk.resources import Resource

from otelkit import names
from otelkit._version import __version__


def build_resource(run_id: str, auto_version: str | None = None) -> Resource:
    """Return the resource: what the user and the SDK's detectors say, completed by us.

    ``OTEL_RESOURCE_ATTRIBUTES`` and ``OTEL_SERVICE_NAME`` win over everything of ours.

    Args:
        run_id: The run this process belongs to.
        auto_version: The version of `opentelemetry-instrument`, if it started us.
    """
    attributes: dict[str, str | int] = {
        names.DISTRO_NAME: "otelkit",
        names.DISTRO_VERSION: __version__,
        names.PIPELINE_RUN_ID: run_id,
        names.PROCESS_PID: os.getpid(),
    }
    if auto_version:
        attributes["telemetry.auto.version"] = auto_version
    resource = Resource.create(attributes)
    missing: dict[str, str] = {}
    if names.SERVICE_INSTANCE_ID not in resource.attributes:
        missing[names.SERVICE_INSTANCE_ID] = str(uuid.uuid4())
    if str(resource.attributes.get(names.SERVICE_NAME, "unknown_service")).startswith("unknown_service"):
        missing[names.SERVICE_NAME] = program_name()
    # `merge` lets the other side win, so what is missing is filled in underneath by hand.
    return resource.merge(Resource(missing)) if missing else resource


def child_attributes() -> dict[str, str | int]:
    """Return what differs in a forked child."""
    return {names.SERVICE_INSTANCE_ID: str(uuid.uuid4()), names.PROCESS_PID: os.getpid()}


def program_name() -> str:
    """Return what a user would call the program: ``app`` for ``python app.py``, ``pkg.mod`` for ``python -m pkg.mod``."""
    arguments = iter(sys.orig_argv[1:])
    for argument in arguments:
        if argument == "-m":
            return next(arguments, "python")
        if argument == "-c":
            return "python"
        if argument in ("-W", "-X"):
            next(arguments, None)  # their value
        elif not argument.startswith("-"):
            path = Path(argument)
            return path.parent.name if path.stem == "__main__" and path.parent.name else path.stem
    return "python"
