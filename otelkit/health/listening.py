"""Who listens on the receiver's ports."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from otelkit.model.checks import Finding, Severity


def find_port_taken(
    host: str, ports: Mapping[str, int], stranger: Callable[[str, int], str | None]
) -> Iterator[Finding]:
    """Yield a finding for each of the receiver's ports on which somebody else listens.

    Args:
        host: The receiver's address.
        ports: Setting -> port; 0 takes a free one and is never taken.
        stranger: Returns who else listens on a host and port, in a few words; None if nobody does, or a receiver of ours.
    """
    for setting, port in ports.items():
        who = stranger(host, port) if port else None
        if who is not None:
            yield Finding(
                "receiver.port_taken",
                Severity.WARNING,
                f"{host}:{port} ({setting}) is taken by {who}.",
                "`otelkit up` can't listen there; `otelkit run` takes a free port instead.",
                f"Stop it, or set {setting} to another port (0: a free one).",
            )
