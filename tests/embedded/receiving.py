"""A receiver on free ports, and ways to talk to it."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from otelkit._builtin.setting_list import SETTINGS
from otelkit.embedded import service as service_module
from otelkit.embedded.service import Service
from otelkit.settings import Settings, resolve
from tests.embedded.fake_store import FakeStore, fake_decode

PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}


@dataclass
class Answer:
    """An HTTP answer."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def settings_for(folder: Path, **code: object) -> Settings:
    """Return the settings of a receiver in ``folder``."""
    return resolve(SETTINGS, env={}, code={"store_dir": str(folder), **code}, complete=False)


@contextmanager
def fake_service(folder: Path, store: FakeStore, *, with_grpc: bool = False, **code: object) -> Iterator[Service]:
    """Give a service before a fake store."""
    original = service_module.decode
    service_module.decode = fake_decode  # type: ignore[assignment] # stands in for the wire parser
    try:
        service = Service.start(
            settings_for(folder, **code),
            folder / "telemetry.db",
            http_port=0,
            grpc_port=0,
            with_grpc=with_grpc,
            open_store=lambda: store,
        )
    finally:
        service_module.decode = original
    try:
        yield service
    finally:
        store.gate.set()
        service.stop(20)


@contextmanager
def real_service(folder: Path, *, with_grpc: bool = False, **code: object) -> Iterator[Service]:
    """Give a service before the real store."""
    service = Service.start(
        settings_for(folder, **code), folder / "telemetry.db", http_port=0, grpc_port=0, with_grpc=with_grpc
    )
    try:
        yield service
    finally:
        service.stop(20)


def post(
    port: int,
    path: str,
    body: bytes = b"",
    headers: Mapping[str, str] = PROTOBUF,
    method: str = "POST",
    timeout_s: float = 20,
) -> Answer:
    """Send one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


def get(port: int, path: str, headers: Mapping[str, str] = {}) -> Answer:
    """Ask one question."""
    return post(port, path, headers=headers, method="GET")


def free_port() -> int:
    """Return a port on which nobody listens now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
