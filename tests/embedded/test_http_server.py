"""uvicorn, as the receiver runs it."""

from __future__ import annotations

import http.client
import threading
from typing import Any

from otelkit.embedded import http_server
from otelkit.embedded.http_server import HttpServer
from otelkit.embedded.ports import listen

BODY = b"x" * 1_000_000


async def _echo_length(scope: Any, receive: Any, send: Any) -> None:  # Any: as ASGI defines them
    length, more = 0, True
    while more:
        message = await receive()
        length, more = length + len(message["body"]), message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(length).encode()})


def test_a_connection_is_read_in_small_steps(monkeypatch: Any) -> None:
    """What many senders have sent and nobody has counted yet stays small; asyncio still looks at where that is said."""
    sizes: list[int] = []
    received = http_server._Protocol.data_received

    def data_received(self: Any, data: bytes) -> None:
        sizes.append(len(data))
        received(self, data)

    monkeypatch.setattr(http_server._Protocol, "data_received", data_received)
    listener = listen("127.0.0.1", 0, "receiver_http_port")
    port = listener.getsockname()[1]
    server = HttpServer(_echo_length, listener, stop_limit_s=5.0)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/", BODY)
    answer = connection.getresponse().read()
    connection.close()
    stopped = server.stop(10.0)

    assert (answer, stopped) == (b"1000000", True)
    assert max(sizes) <= 64 * 1024
    assert sum(sizes) > len(BODY)


def test_nobody_who_connects_while_it_stops_waits_for_an_answer() -> None:
    """Whoever comes just then is answered or turned away at once, however close to the end it is."""
    waits: list[BaseException] = []
    for _ in range(20):
        listener = listen("127.0.0.1", 0, "receiver_http_port")
        port = listener.getsockname()[1]
        server = HttpServer(_echo_length, listener, stop_limit_s=1.0)
        go = threading.Barrier(9)

        def send(port: int = port, go: threading.Barrier = go) -> None:
            go.wait(30)
            for _ in range(20):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                try:
                    connection.request("POST", "/", b"x")
                    connection.getresponse().read()
                except TimeoutError as error:
                    waits.append(error)
                    return
                except (OSError, http.client.HTTPException):
                    continue
                finally:
                    connection.close()

        senders = [threading.Thread(target=send) for _ in range(8)]
        for sender in senders:
            sender.start()
        go.wait(30)
        server.stop(10.0)
        for sender in senders:
            sender.join(60)

    assert waits == []
