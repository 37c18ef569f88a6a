"""Telling our receiver from other listeners, and talking to it."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from otelkit.embedded.client import (
    BusyReceiverError,
    ForeignListener,
    ReceiverInfo,
    probe,
    probe_url,
    register_run,
    send,
)
from otelkit.errors import ReceiverError, StoreError
from tests.delivery.network import server, silent
from tests.embedded.fake_store import FakeStore
from tests.embedded.receiving import fake_service, free_port


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def answering(status: int) -> Callable[[socket.socket], None]:
    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(f"HTTP/1.1 {status} Status\r\nContent-Length: 0\r\n\r\n".encode())

    return behave


def dripping(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X")
        threading.Event().wait(0.05)


def test_our_receiver_is_known_by_its_own_words(tmp_path: Path) -> None:
    """With its version, process, ports and store."""
    with fake_service(tmp_path, FakeStore()) as service:
        found = probe("127.0.0.1", service.http_port)

        assert isinstance(found, ReceiverInfo)
        assert found == probe_url(f"{service.endpoint}/v1/traces")
        assert (found.pid, found.http_port, found.grpc_port) == (os.getpid(), service.http_port, None)
        assert found.store == tmp_path / "telemetry.db"
        assert found.endpoint == service.endpoint


def test_nobody_there_is_none() -> None:
    """A closed port is not an error."""
    assert probe("127.0.0.1", free_port()) is None


@pytest.mark.parametrize(
    ("behave", "why"),
    [
        (silent, "does not answer"),
        (answering(404), "HTTP status 404"),
        (answering(200), "HTTP status 200"),
        (dripping, "HTTP status 200"),
    ],
    ids=["silent", "another web server", "empty answer", "dripping"],
)
def test_others_are_foreign(behave: object, why: str) -> None:
    """Whatever they do, in bounded time, and named where their process can be found."""
    with server(behave) as url:  # type: ignore[arg-type] # one of the behaviours
        found = probe("127.0.0.1", port_of(url), timeout_s=0.5)

    assert isinstance(found, ForeignListener)
    assert why in found.why
    assert f"(pid {os.getpid()})" in str(found)


def test_a_listener_that_speaks_first_is_foreign() -> None:
    """As mail and ssh servers do."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
        silent(connection)

    with server(behave) as url:
        assert isinstance(probe("127.0.0.1", port_of(url)), ForeignListener)


def test_a_receiver_of_ours_with_another_token_is_foreign(tmp_path: Path) -> None:
    """And said to be one."""
    with fake_service(tmp_path, FakeStore(), receiver_host="0.0.0.0", receiver_token="s3cret") as service:
        found = probe("0.0.0.0", service.http_port, token="wrong")

        assert isinstance(found, ForeignListener)
        assert "another token" in found.why
        assert isinstance(probe("0.0.0.0", service.http_port, token="s3cret"), ReceiverInfo)


@pytest.mark.parametrize("url", ["https://127.0.0.1:4318", "http://127.0.0.1:notaport", "nonsense", "http://"])
def test_urls_that_name_no_plain_http_server_are_nobody(url: str) -> None:
    """Without trying to reach them."""
    assert probe_url(url) is None


def test_facts_and_requests_reach_the_store(tmp_path: Path) -> None:
    """Over HTTP, stored when the call returns."""
    store = FakeStore()
    with fake_service(tmp_path, store) as service:
        info = probe("127.0.0.1", service.http_port)
        assert isinstance(info, ReceiverInfo)
        register_run(info, "r1", name="nightly", exit_code=0)
        send(info, "logs", b"body")

    assert (store.runs, store.stored) == ({"r1": {"name": "nightly", "exit_code": 0}}, [b"body"])


def test_the_ways_to_be_refused_are_told_apart(tmp_path: Path) -> None:
    """For good, for now, and gone."""
    store = FakeStore()
    with fake_service(tmp_path, store) as service:
        info = probe("127.0.0.1", service.http_port)
        assert isinstance(info, ReceiverInfo)
        with pytest.raises(ValueError, match="at byte 3"):
            send(info, "traces", b"bad")
        store.error = StoreError("no space left", path=tmp_path)
        with pytest.raises(BusyReceiverError, match="no space left") as later:
            send(info, "traces", b"x")

    assert later.value.retry_after_s == 5.0
    with pytest.raises(ReceiverError, match="can't be reached"):
        send(info, "traces", b"x")


def test_an_answer_that_only_looks_like_ours_is_foreign() -> None:
    """Missing facts are not guessed."""
    body = json.dumps({"otelkit": "9.9", "pid": 1}).encode()

    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    with server(behave) as url:
        assert isinstance(probe("127.0.0.1", port_of(url)), ForeignListener)


@pytest.mark.parametrize("status", [401, 403, 404, 408, 500])
def test_what_may_be_put_right_is_not_a_refusal_for_good(status: int) -> None:
    """A wrong token or another server on the port says nothing about the request, which is to be kept."""
    with server(answering(status)) as url:
        info = ReceiverInfo("127.0.0.1", port_of(url), None, "", 1, Path("x"), {})
        with pytest.raises(ReceiverError):
            send(info, "traces", b"x")


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_what_speaks_of_the_request_itself_is_a_refusal_for_good(status: int) -> None:
    """No later attempt would fare better."""
    with server(answering(status)) as url:
        info = ReceiverInfo("127.0.0.1", port_of(url), None, "", 1, Path("x"), {})
        with pytest.raises(ValueError, match=r"^$"):
            send(info, "traces", b"x")


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_receiver_is_to_be_asked_again(status: int) -> None:
    """Also when it does not say when."""
    with server(answering(status)) as url:
        info = ReceiverInfo("127.0.0.1", port_of(url), None, "", 1, Path("x"), {})
        with pytest.raises(BusyReceiverError) as later:
            send(info, "traces", b"x")

    assert later.value.retry_after_s == 1.0
