"""What cloud vendors' credential providers give to exporters."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Final

CREDENTIAL_PROVIDERS: Final = "opentelemetry_otlp_credential_provider"
"""The entry point group, as the stock exporters have it."""


def provided(name: str) -> object:
    """Return what the credential provider ``name`` makes: a ``requests.Session`` or ``grpc.ChannelCredentials``.

    Raises:
        LookupError: It is not installed.
    """
    for entry in entry_points(group=CREDENTIAL_PROVIDERS, name=name):
        made: object = entry.load()()
        return made
    raise LookupError(
        f"the credential provider {name!r} is not installed; see OTEL_PYTHON_EXPORTER_OTLP_…_CREDENTIAL_PROVIDER"
    )
