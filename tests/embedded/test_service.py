"""The receiver as a whole: it listens, it stores, it stops."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from otelkit.embedded import client
from otelkit.embedded.ports import PortTakenError
from otelkit.embedded.service import Service
from otelkit.embedded.store import open_reader
from otelkit.errors import ReceiverError, StoreCorruptError, StoreError
from tests.embedded.fake_store import FakeStore
from tests.embedded.otlp import REQUESTS, key_values
from tests.embedded.receiving import PROTOBUF, fake_service, free_port, get, post, real_service, settings_for
from tests.waiting import wait_until


def spans(count: int, run: str = "r1") -> bytes:
    """Return a request with ``count`` spans of one trace."""
    request = REQUESTS["traces"]()
    resource = request.resource_spans.add()
    resource.resource.attributes.extend(key_values({"service.name": "app", "pipeline.run.id": run}))
    scope = resource.scope_spans.add()
    trace_id = os.urandom(16)
    for _ in range(count):
        scope.spans.add(
            trace_id=trace_id,
            span_id=os.urandom(8),
            name="parse",
            start_time_unix_nano=10**18,
            end_time_unix_nano=10**18,
        )
    body: bytes = request.SerializeToString()
    return body


def stored_spans(folder: Path) -> int:
    reader = open_reader(folder / "telemetry.db")
    try:
        return reader.stats()["spans"]
    finally:
        reader.close()


@pytest.mark.requirement("EXP-03")
def test_what_is_acknowledged_can_be_read_at_once(tmp_path: Path) -> None:
    """By another connection, while the receiver runs."""
    with real_service(tmp_path) as service:
        answer = post(service.http_port, "/v1/traces", spans(3))

        assert (answer.status, stored_spans(tmp_path)) == (200, 3)
        service.set_run("r1", name="nightly", state="ok", exit_code=0)
        reader = open_reader(tmp_path / "telemetry.db")
        run = reader.run("r1")
        reader.close()
    assert run is not None
    assert (run.name, run.state, run.spans) == ("nightly", "ok", 3)


def test_a_taken_port_is_named_with_its_holder(tmp_path: Path) -> None:
    """The message says which port, who holds it, and what to do; the store is not touched."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTakenError) as error:
            Service.start(settings_for(tmp_path), tmp_path / "telemetry.db", http_port=port, with_grpc=False)

    assert f"Port {port} on 127.0.0.1 is taken by" in str(error.value)
    assert f"(pid {os.getpid()})" in str(error.value)
    assert "receiver_http_port" in str(error.value)
    assert error.value.holder is not None
    assert not (tmp_path / "telemetry.db").exists()


def test_a_taken_grpc_port_is_named_and_everything_else_let_go(tmp_path: Path) -> None:
    """Neither the HTTP port nor the store stays taken by a receiver that did not start."""
    http_port = free_port()
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(PortTakenError, match="receiver_grpc_port"):
        Service.start(
            settings_for(tmp_path), tmp_path / "telemetry.db", http_port=http_port, grpc_port=taken.getsockname()[1]
        )

    with real_service(tmp_path) as service:
        assert service.http_port
    with socket.create_server(("127.0.0.1", http_port)):
        pass


def test_a_store_that_cannot_be_opened_lets_the_port_go(tmp_path: Path) -> None:
    """And says what is wrong with it."""
    (tmp_path / "telemetry.db").write_bytes(
        b"no database at all, but long enough to look like a file of something" * 100
    )
    port = free_port()
    with pytest.raises(StoreCorruptError):
        Service.start(settings_for(tmp_path), tmp_path / "telemetry.db", http_port=port, with_grpc=False)

    with socket.create_server(("127.0.0.1", port)):
        pass


def test_a_store_has_one_receiver(tmp_path: Path) -> None:
    """A second one is told who writes already."""
    with real_service(tmp_path), pytest.raises(StoreError, match=str(os.getpid())):
        Service.start(settings_for(tmp_path), tmp_path / "telemetry.db", http_port=0, with_grpc=False)


def test_beyond_the_loopback_a_token_is_needed(tmp_path: Path) -> None:
    """Without one the receiver does not start, and says what to set."""
    with pytest.raises(ReceiverError, match="receiver_token"):
        Service.start(settings_for(tmp_path, receiver_host="0.0.0.0"), tmp_path / "telemetry.db", http_port=0)


@pytest.mark.parametrize(
    ("shown", "status"),
    [
        ("Bearer s3cret", 200),
        ("bearer s3cret", 200),
        ("Bearer wrong", 401),
        ("Basic s3cret", 401),
        ("s3cret", 401),
        ("Bearer ", 401),
        ("Bearer s3crét", 401),
        (None, 401),
    ],
)
def test_beyond_the_loopback_only_bearers_of_the_token_are_served(
    tmp_path: Path, shown: str | None, status: int
) -> None:
    """Whatever the Host header says; only the health check is open."""
    store = FakeStore()
    headers = {**PROTOBUF, "host": "collector.example"}
    if shown is not None:
        headers["authorization"] = shown.encode("utf-8").decode("latin-1")
    with fake_service(tmp_path, store, receiver_host="0.0.0.0", receiver_token="s3cret") as service:
        sent = post(service.http_port, "/v1/traces", b"x", headers)
        asked = get(service.http_port, "/v1/otelkit/info", headers)
        healthy = get(service.http_port, "/healthz")
        refused = service.counts()["refused"]

    assert (sent.status, asked.status, healthy.status) == (status, status, 200)
    assert len(store.stored) == (status == 200)
    assert refused == ({} if status == 200 else {"unauthorized": 2})


@pytest.mark.parametrize(("shown", "status"), [("Bearer s3cret", 200), ("Bearer wrong", 401), (None, 401)])
def test_a_token_is_asked_for_on_the_loopback_too(tmp_path: Path, shown: str | None, status: int) -> None:
    """Whoever sets one does not trust every user of the machine; a foreign name is refused even with it."""
    store = FakeStore()
    headers = {**PROTOBUF, **({"authorization": shown} if shown else {})}
    with fake_service(tmp_path, store, receiver_token="s3cret") as service:
        sent = post(service.http_port, "/v1/traces", b"x", headers)
        renamed = post(service.http_port, "/v1/traces", b"x", {**headers, "host": "evil.example"})
        healthy = get(service.http_port, "/healthz")

    assert (sent.status, renamed.status, healthy.status) == (status, 403, 200)
    assert len(store.stored) == (status == 200)


def test_stopping_stores_what_was_accepted_and_answers_it(tmp_path: Path) -> None:
    """Requests under way are answered, new ones are refused, the store is closed last."""
    store = FakeStore()
    with fake_service(tmp_path, store) as service:
        store.gate.clear()
        statuses: list[int] = []
        senders = [
            threading.Thread(
                target=lambda number=number: statuses.append(
                    post(service.http_port, "/v1/traces", b"%d" % number).status
                )
            )
            for number in range(5)
        ]
        for sender in senders:
            sender.start()
        assert store.writing.wait(20)
        wait_until(lambda: service._intake.in_flight.held_bytes == 5)  # one byte each: all of them are under way
        stopped: list[bool] = []
        stopper = threading.Thread(target=lambda: stopped.append(service.stop(20)))
        stopper.start()
        store.gate.set()
        stopper.join(30)
        for sender in senders:
            sender.join(20)

    assert (stopped, store.closed) == ([True], True)
    assert (statuses, len(store.stored)) == ([200] * 5, 5)
    assert client.probe("127.0.0.1", service.http_port) is None


def test_stopping_does_not_wait_for_idle_connections(tmp_path: Path) -> None:
    """Exporters keep theirs open for ever."""
    with (
        fake_service(tmp_path, FakeStore()) as service,
        socket.create_connection(("127.0.0.1", service.http_port), timeout=20) as idle,
    ):
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert idle.recv(1000).startswith(b"HTTP/1.1 200")

        assert service.stop(5)


def test_the_receiver_never_traces_itself(tmp_path: Path) -> None:
    """Not even in a process whose sqlite3 and web framework are instrumented."""
    script = """
import sys
from pathlib import Path
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.instrumentation.sqlite3 import SQLite3Instrumentor

spans = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(spans))
trace.set_tracer_provider(provider)
SQLite3Instrumentor().instrument()

from tests.embedded.receiving import post, real_service
from tests.embedded.test_service import spans as request

with real_service(Path(sys.argv[1])) as service:
    assert post(service.http_port, "/v1/traces", request(10)).status == 200
    service.set_run("r1", name="x")
print(len(spans.get_finished_spans()))
"""
    ran = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )

    assert (ran.stdout.strip(), ran.returncode) == ("0", 0), ran.stderr
