"""Who listens on the receiver's ports."""

from __future__ import annotations

from otelkit.health.listening import find_port_taken


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
