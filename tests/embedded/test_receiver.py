"""OTLP over HTTP, over real sockets, before a store that does as it is told."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otelkit.embedded import http_body
from otelkit.embedded.service import Service
from otelkit.errors import StoreError
from tests.embedded.fake_store import FakeStore
from tests.embedded.receiving import JSON, PROTOBUF, fake_service, get, post
from tests.waiting import wait_until

LIMIT = 4096


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def service(tmp_path: Path, store: FakeStore) -> Iterator[Service]:
    with fake_service(tmp_path, store, receiver_max_body_bytes=LIMIT, receiver_queue_bytes=2048) as started:
        yield started


def refused(service: Service) -> dict[str, int]:
    """Return the refusals counted so far."""
    return dict(service.counts()["refused"])


@pytest.mark.requirement("EXP-03")
@pytest.mark.parametrize("signal", ["traces", "metrics", "logs"])
def test_each_signal_is_taken_at_its_path(service: Service, store: FakeStore, signal: str) -> None:
    """The answer is the empty message, in protobuf, after the commit."""
    answer = post(service.http_port, f"/v1/{signal}", b"body")

    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"", "application/x-protobuf")
    assert store.stored == [b"body"]
    assert service.counts()["taken"] == {signal: 1}


def test_an_answer_comes_only_after_the_commit(service: Service, store: FakeStore) -> None:
    """A sender that is told "stored" may forget what it sent."""
    store.gate.clear()
    answers: list[int] = []
    sender = threading.Thread(target=lambda: answers.append(post(service.http_port, "/v1/traces", b"x").status))
    sender.start()
    assert store.writing.wait(20)

    assert answers == []
    store.gate.set()
    sender.join(20)
    assert answers == [200]


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(b"x" * 4000)),
        ("x-gzip", gzip.compress(b"x" * 4000)),
        ("deflate", zlib.compress(b"x" * 4000)),
        ("identity", b"x" * 4000),
        ("GZIP", gzip.compress(b"x" * 4000)),
    ],
)
def test_bodies_are_decompressed(service: Service, store: FakeStore, encoding: str, body: bytes) -> None:
    """gzip and deflate, whatever the case of the header."""
    answer = post(service.http_port, "/v1/traces", body, {**PROTOBUF, "content-encoding": encoding})

    assert (answer.status, store.stored) == (200, [b"x" * 4000])


def test_a_chunked_body_is_read(service: Service, store: FakeStore) -> None:
    """Senders need not know the length."""
    with socket.create_connection(("127.0.0.1", service.http_port), timeout=20) as connection:
        connection.sendall(
            b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
    assert store.stored == [b"abcde"]


def test_partial_success_names_what_was_left_out(service: Service) -> None:
    """How many and why, in the sender's own form; still a success."""
    answer = post(service.http_port, "/v1/traces", b"some")
    partial = ExportTraceServiceResponse.FromString(answer.body).partial_success

    assert (answer.status, partial.rejected_spans, partial.error_message) == (200, 1, "trace id of 3 bytes")


def test_json_is_answered_in_json(tmp_path: Path, service: Service, store: FakeStore) -> None:
    """A whole OTLP/JSON request, hex ids and all, reaches the store as protobuf."""
    span = {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "name": "parse", "kind": 1}
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    answer = post(service.http_port, "/v1/traces", json.dumps(body).encode(), JSON)

    assert (answer.status, answer.json, answer.headers["content-type"]) == (200, {}, "application/json")
    assert bytes.fromhex("0af7651916cd43dd8448eb211c80319c") in store.stored[0]


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"resourceSpans": 3}', b"\xff\xfe", b""])
def test_malformed_json_is_refused_in_json(service: Service, store: FakeStore, body: bytes) -> None:
    """With the code and the words of a ``google.rpc.Status``."""
    answer = post(service.http_port, "/v1/traces", body, JSON)

    assert (answer.status, answer.json["code"], store.stored) == (400, 3, [])
    assert "not a valid OTLP request" in answer.json["message"]
    assert refused(service) == {"malformed": 1}


def test_malformed_protobuf_is_refused_in_protobuf(service: Service, store: FakeStore) -> None:
    """With where it stopped to make sense."""
    answer = post(service.http_port, "/v1/traces", b"bad")
    status = Status.FromString(answer.body)

    assert (answer.status, answer.headers["content-type"], status.code) == (400, "application/x-protobuf", 3)
    assert "at byte 3" in status.message
    assert (refused(service), store.stored) == ({"malformed": 1}, [])


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"x" * (LIMIT + 1), {}),
        (gzip.compress(b"\0" * 50_000_000), {"content-encoding": "gzip"}),
        (zlib.compress(b"\0" * 50_000_000), {"content-encoding": "deflate"}),
        (gzip.compress(b"\0" * (LIMIT + 1)), {"content-encoding": "gzip"}),
    ],
    ids=["plain", "gzip bomb", "deflate bomb", "one byte too many"],
)
def test_oversized_bodies_are_refused(service: Service, store: FakeStore, body: bytes, headers: dict[str, str]) -> None:
    """Sent or decompressed, the limit is the same; the connection's next request is served."""
    answer = post(service.http_port, "/v1/traces", body, {**PROTOBUF, **headers})

    assert (answer.status, store.stored) == (413, [])
    assert "receiver_max_body_bytes" in Status.FromString(answer.body).message
    assert refused(service) == {"too_large": 1}
    assert post(service.http_port, "/v1/traces", b"ok").status == 200


def test_a_body_announced_too_large_is_refused_before_it_is_sent(service: Service) -> None:
    """A sender that waits for "100 Continue" need not send it at all."""
    with socket.create_connection(("127.0.0.1", service.http_port), timeout=20) as connection:
        connection.sendall(
            b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"
            b"Content-Length: 999999999\r\nExpect: 100-continue\r\n\r\n"
        )
        answer = connection.recv(1000)

    assert answer.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize(
    ("body", "reason"),
    [(gzip.compress(b"x" * 100)[:-10], "truncated"), (b"no gzip", "malformed"), (b"", "truncated")],
)
def test_damaged_compression_is_refused(service: Service, store: FakeStore, body: bytes, reason: str) -> None:
    """A stream that ends early is counted apart from one that makes no sense."""
    answer = post(service.http_port, "/v1/traces", body, {**PROTOBUF, "content-encoding": "gzip"})

    assert (answer.status, store.stored, refused(service)) == (400, [], {reason: 1})


def test_a_sender_that_hangs_up_leaves_nothing_behind(service: Service, store: FakeStore) -> None:
    """A truncated request is counted, not stored, and its bytes are given back."""
    with socket.create_connection(("127.0.0.1", service.http_port), timeout=20) as connection:
        connection.sendall(
            b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"
            b"Content-Length: 1000\r\n\r\nhalf of it"
        )
    wait_until(lambda: refused(service) == {"truncated": 1})

    assert store.stored == []
    assert get(service.http_port, "/v1/otelkit/info").json["held_bytes"] == 0


def test_a_sender_that_never_finishes_is_given_up(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slow bodies must not hold the receiver's memory for ever."""
    defaults = http_body.read_body.__defaults__
    monkeypatch.setattr(http_body.read_body, "__defaults__", (0.05,))
    assert defaults == (30.0,)
    with socket.create_connection(("127.0.0.1", service.http_port), timeout=20) as connection:
        connection.sendall(
            b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"
            b"Content-Length: 1000\r\n\r\nhalf of it"
        )
        answer = connection.recv(100)

    assert answer.startswith(b"HTTP/1.1 408")
    assert refused(service) == {"too_slow": 1}


@pytest.mark.parametrize(
    "headers",
    [{}, {"content-type": "text/plain"}, {"content-type": "application/x-www-form-urlencoded"}],
    ids=["none", "text", "form"],
)
def test_other_content_types_are_refused(service: Service, headers: dict[str, str]) -> None:
    """What a web page can post without asking is never taken."""
    answer = post(service.http_port, "/v1/traces", b"x", headers)

    assert (answer.status, refused(service)) == (415, {"wrong_type": 1})
    assert "application/x-protobuf or application/json" in answer.json["message"]


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "zstd"])
def test_other_encodings_are_refused(service: Service, encoding: str) -> None:
    """The answer names those that are read."""
    answer = post(service.http_port, "/v1/traces", b"x", {**PROTOBUF, "content-encoding": encoding})

    assert answer.status == 415
    assert "gzip, deflate" in Status.FromString(answer.body).message


def test_other_methods_and_paths_are_refused(service: Service) -> None:
    """405 says which method is taken, 404 which paths there are."""
    wrong_method = get(service.http_port, "/v1/traces")
    wrong_path = post(service.http_port, "/v1/trace", b"x", JSON)

    assert (wrong_method.status, wrong_method.headers["allow"]) == (405, "POST")
    assert (wrong_path.status, wrong_path.json["code"]) == (404, 5)
    assert "/v1/traces, /v1/metrics, /v1/logs" in wrong_path.json["message"]
    assert refused(service) == {"not_here": 2}


def test_a_full_queue_answers_429_with_retry_after(service: Service, store: FakeStore) -> None:
    """It is counted; when there is room the same request is taken."""
    store.gate.clear()
    senders = [
        threading.Thread(target=post, args=(service.http_port, "/v1/traces", b"%d" % number * 1000))
        for number in range(2)
    ]
    for sender in senders:
        sender.start()
    wait_until(lambda: get(service.http_port, "/v1/otelkit/info").json["held_bytes"] == 2000)
    answer = post(service.http_port, "/v1/traces", b"y" * 1000)

    assert answer.status == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert refused(service) == {"busy": 1}
    store.gate.set()
    for sender in senders:
        sender.join(20)
    assert post(service.http_port, "/v1/traces", b"y" * 1000).status == 200


def test_a_store_that_fails_answers_503_with_retry_after(service: Service, store: FakeStore) -> None:
    """A full disk is no reason for the sender to throw telemetry away."""
    store.error = StoreError("no space left", path=Path("telemetry.db"))
    answer = post(service.http_port, "/v1/traces", b"x")

    assert (answer.status, answer.headers["retry-after"], refused(service)) == (503, "5", {"not_stored": 1})
    assert "no space left" in Status.FromString(answer.body).message


def test_a_fault_of_ours_is_one_request_s_failure(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    """500 for this one, a line in the log, and the next is served."""
    answer = post(service.http_port, "/v1/traces", b"bug")

    assert (answer.status, post(service.http_port, "/v1/traces", b"ok").status) == (500, 200)
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:4318", 200),
        ("127.0.0.1", 200),
        ("[::1]:4318", 200),
        ("LOCALHOST", 200),
        ("evil.example:4318", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost.evil.example", 403),
        ("192.168.1.7:4318", 403),
        ("", 403),
    ],
)
def test_the_host_header_must_name_the_loopback(service: Service, store: FakeStore, host: str, status: int) -> None:
    """A web page whose name was re-bound to 127.0.0.1 sends its own name, and reads and writes nothing."""
    sent = post(service.http_port, "/v1/traces", b"x", {**PROTOBUF, "host": host})
    asked = get(service.http_port, "/v1/otelkit/info", {"host": host})

    assert (sent.status, asked.status) == (status, status)
    assert len(store.stored) == (status == 200)
    assert refused(service).get("wrong_host", 0) == (0 if status == 200 else 2)


def test_garbage_instead_of_http_harms_nothing(service: Service) -> None:
    """The connection is closed, the next request is served."""
    with socket.create_connection(("127.0.0.1", service.http_port), timeout=20) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xff" * 100 + b"\r\n\r\n")
        while connection.recv(1000):
            pass

    assert post(service.http_port, "/v1/traces", b"ok").status == 200


def test_many_requests_on_one_connection(service: Service, store: FakeStore) -> None:
    """Exporters keep their connection."""
    connection = http.client.HTTPConnection("127.0.0.1", service.http_port, timeout=20)
    statuses = []
    for number in range(20):
        connection.request("POST", "/v1/traces", b"bad" if number % 5 == 0 else b"%d" % number, PROTOBUF)
        response = connection.getresponse()
        response.read()
        statuses.append(response.status)
    connection.close()

    assert (statuses.count(200), statuses.count(400), len(store.stored)) == (16, 4, 16)


def test_health_and_info(service: Service, tmp_path: Path) -> None:
    """Who is asked says who it is, where it stores, and what it counted."""
    post(service.http_port, "/v1/logs", b"some")
    info = get(service.http_port, "/v1/otelkit/info").json

    assert get(service.http_port, "/healthz").body == b"ok\n"
    assert info["store"] == str(tmp_path / "telemetry.db")
    assert (info["http_port"], info["grpc_port"]) == (service.http_port, None)
    assert info["counts"] == {"requests": 1, "taken": {"logs": 2}, "rejected": {"logs": 1}, "refused": {}}


def test_facts_of_a_run_are_stored(service: Service, store: FakeStore) -> None:
    """By another process, over HTTP."""
    facts = {"name": "nightly", "state": "failed", "exit_code": 3, "command": None}
    answer = post(service.http_port, "/v1/otelkit/runs/r1", json.dumps(facts).encode(), JSON)

    assert (answer.status, store.runs) == (200, {"r1": {"name": "nightly", "state": "failed", "exit_code": 3}})


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"nam": "x"}, "'nam' is no fact"),
        ({"exit_code": "3"}, "exit_code is str"),
        ({"exit_code": True}, "exit_code is bool"),
        ({"state": "great"}, "state is 'great'"),
        ([], "expected an object"),
    ],
)
def test_wrong_facts_are_refused(service: Service, store: FakeStore, facts: object, words: str) -> None:
    """Naming what is wrong."""
    answer = post(service.http_port, "/v1/otelkit/runs/r1", json.dumps(facts).encode(), JSON)

    assert (answer.status, store.runs) == (400, {})
    assert words in answer.json["message"]


def test_facts_need_the_json_content_type(service: Service, store: FakeStore) -> None:
    """A web page can send text without asking first."""
    assert post(service.http_port, "/v1/otelkit/runs/r1", b"{}", {"content-type": "text/plain"}).status == 415
    assert store.runs == {}
