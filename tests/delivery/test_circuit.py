"""Whether it is worth trying."""

from __future__ import annotations

import socket

import pytest

from otelkit.delivery import circuit
from otelkit.delivery.circuit import Circuit, loopback_address
from tests.delivery.network import refused, server, silent

pytestmark = pytest.mark.sdk


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        ("http://localhost:4318/v1/traces", ("localhost", 4318)),
        ("http://127.0.0.1:4318", ("127.0.0.1", 4318)),
        ("http://127.9.9.9:1", ("127.9.9.9", 1)),
        ("http://[::1]:4318/", ("::1", 4318)),
        ("https://localhost", ("localhost", 443)),
        ("http://localhost", ("localhost", 80)),
        ("localhost:4317", ("localhost", 4317)),
        ("http://collector:4318", None),
        ("http://10.0.0.1:4318", None),
        ("http://localhost:port", None),
        ("http://[::1", None),
        ("unix:///run/otel.sock", None),
        ("", None),
        (None, None),
    ],
)
def test_only_this_machines_own_addresses_are_looked_at(endpoint: str | None, address: tuple[str, int] | None) -> None:
    """Between us and other machines there may be proxies, which only the exporter knows."""
    assert loopback_address(endpoint) == address


def test_a_port_nobody_listens_on_is_refused_at_once_and_not_tried_for_a_while() -> None:
    """No export is tried, so no exporter's retries are paid for."""
    it = Circuit(refused())

    assert not it.open()
    assert it.refused()
    assert it.open()


def test_a_port_somebody_listens_on_is_worth_a_try() -> None:
    """Whoever that is."""
    with server(silent) as url:
        it = Circuit(url)

        assert not it.refused()
        assert not it.open()


def test_after_a_success_nobody_looks_any_more() -> None:
    """Until something fails."""
    it = Circuit(refused())
    it.success()
    proven = it.refused()
    it.failure()

    assert (proven, it.open()) == (False, True)
    assert it.refused()


def test_a_failure_closes_the_way_for_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the next batch is a try."""
    it = Circuit("http://collector:4318")
    it.failure()
    assert it.open()
    monkeypatch.setattr(circuit, "TRY_AGAIN_S", 0.0)
    it.failure()

    assert not it.open()


def test_a_silent_host_is_silent_for_all_signals_until_one_gets_through() -> None:
    """Otherwise each signal would wait for it again while the program ends."""
    traces, logs = Circuit("http://collector-a:4318/v1/traces"), Circuit("http://me:pw@collector-a:4318/v1/logs")
    elsewhere = Circuit("http://collector-a:4319/v1/logs")
    traces.failure(silent=True)
    before = (traces.open(), logs.open(), elsewhere.open())
    logs.success()

    assert before == (True, True, False)
    assert not logs.open()


def test_a_host_that_refuses_one_signal_may_take_another() -> None:
    """Jaeger takes traces and nothing else."""
    traces, logs = Circuit("http://collector-b:4318/v1/traces"), Circuit("http://collector-b:4318/v1/logs")
    logs.failure()

    assert (traces.open(), logs.open()) == (False, True)


def test_what_has_no_endpoint_shares_nothing() -> None:
    """Two exporters of unknown kind have nothing in common."""
    one, other = Circuit(None), Circuit(None)
    one.failure(silent=True)

    assert (one.open(), other.open(), Circuit("http://[::1").open()) == (True, False, False)


def test_looking_that_fails_in_another_way_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of descriptors, say: then the exporter tries."""

    def fail(*args: object, **options: object) -> socket.socket:
        raise ExceptionGroup("create_connection failed", [OSError(24, "Too many open files")])

    monkeypatch.setattr(socket, "create_connection", fail)

    assert not Circuit("http://localhost:4318").refused()


def test_a_name_with_two_addresses_is_refused_if_one_of_them_is() -> None:
    """`localhost` may be ::1 too, which many a container does not have."""
    url = refused().replace("127.0.0.1", "localhost")

    assert Circuit(url).refused()
