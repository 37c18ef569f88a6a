"""Who listens on the receiver's ports."""

from __future__ import annotations

from pathlib import Path

from otelkit.health.listening import find_odd_receiver, find_port_taken
from otelkit.model.checks import Severity


def test_a_stranger_on_a_port_is_a_warning_that_names_the_setting() -> None:
    """`otelkit up` would not come up there."""
    strangers = {4318: "another program"}

    (finding,) = find_port_taken(
        "127.0.0.1",
        {"receiver_http_port": 4318, "receiver_grpc_port": 4317},
        lambda host, port: strangers.get(port),
    )

    assert finding.id == "receiver.port_taken"
    assert finding.what == "127.0.0.1:4318 (receiver_http_port) is taken by another program."


def test_a_free_port_is_never_asked_about() -> None:
    """0 takes whatever is free."""
    asked: list[int] = []

    findings = list(find_port_taken("127.0.0.1", {"receiver_http_port": 0}, lambda host, port: asked.append(port)))

    assert findings == []
    assert asked == []


def test_a_receiver_that_stores_elsewhere_is_a_note() -> None:
    """Its runs are not seen from here, which looks as if nothing had arrived."""
    (finding,) = find_odd_receiver(
        "127.0.0.1:4318",
        store=Path("/elsewhere/.otelkit/telemetry.db"),
        version="1.0",
        own_store=Path(".otelkit/telemetry.db"),
        own_version="1.0",
    )

    assert (finding.id, finding.severity) == ("receiver.other_store", Severity.NOTE)
    assert finding.fix == "Type them in /elsewhere, or set store_dir to /elsewhere/.otelkit."


def test_a_receiver_of_another_version_is_a_warning() -> None:
    """One that was started before an update."""
    store = Path(".otelkit/telemetry.db")

    (finding,) = find_odd_receiver(
        "127.0.0.1:4318", store=store.absolute(), version="0.9", own_store=store, own_version="1.0"
    )

    assert (finding.id, finding.severity) == ("receiver.other_version", Severity.WARNING)
