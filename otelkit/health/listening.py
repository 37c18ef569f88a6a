"""Who listens on the receiver's ports."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

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


def find_odd_receiver(place: str, *, store: Path, version: str, own_store: Path, own_version: str) -> Iterator[Finding]:
    """Yield how a receiver of ours that listens differs from what commands typed here expect.

    Args:
        place: Its host and port.
        store: Where it stores.
        version: Of the otelkit it runs.
        own_store: Where commands typed here read.
        own_version: Of the otelkit that is installed here.
    """
    if store.absolute() != own_store.absolute():
        yield Finding(
            "receiver.other_store",
            Severity.NOTE,
            f"The receiver on {place} stores in {store}; commands typed here read {own_store.absolute()}.",
            "Runs that are sent to it are not seen from here.",
            f"Type them in {store.parent.parent}, or set store_dir to {store.parent}.",
        )
    if version != own_version:
        yield Finding(
            "receiver.other_version",
            Severity.WARNING,
            f"The receiver on {place} runs otelkit {version}; {own_version} is installed here.",
            "It may not know what this version sends.",
            "Start it again: `otelkit down`, then `otelkit up`.",
        )
