"""``/metrics`` on the loopback."""

from __future__ import annotations

import http.client
import socket
import threading
import urllib.request
from collections.abc import Iterator

import pytest
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_classic

from otelkit.metrics.scrape_reader import ScrapeReader
from otelkit.metrics.scrape_server import ScrapeServer
from tests.forking import in_child


class Served:
    def __init__(self) -> None:
        self.reader = ScrapeReader()
        self.provider = MeterProvider([self.reader], shutdown_on_exit=False)
        self.provider.get_meter("app").create_counter("files").add(3)
        self.server = ScrapeServer(self.reader, 0)

    def get(self, path: str = "/metrics", method: str = "GET", **headers: str) -> tuple[int, str, str]:
        assert self.server.port is not None
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        body = response.read().decode()
        connection.close()
        return response.status, response.headers["Content-Type"] or "", body


@pytest.fixture
def served() -> Iterator[Served]:
    made = Served()
    yield made
    made.server.close()


def test_a_scrape_gets_the_classic_text(served: Served) -> None:
    """As any Prometheus reads it."""
    status, content_type, body = served.get()
    families = {family.name: family for family in read_classic(body)}

    assert (status, content_type) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert families["files"].samples[0].value == 3


def test_openmetrics_is_given_to_who_asks_for_it(served: Served) -> None:
    """The request Prometheus itself makes."""
    status, content_type, body = served.get(
        Accept="application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5"
    )

    assert (status, content_type) == (200, "application/openmetrics-text; version=1.0.0; charset=utf-8")
    assert [family.name for family in read_openmetrics(body)] == ["target", "files"]


@pytest.mark.parametrize(
    ("path", "method", "host", "status"),
    [
        ("/metrics?a=b", "GET", "localhost:9464", 200),
        ("/metrics", "GET", "[::1]:9464", 200),
        ("/", "GET", "localhost", 404),
        ("/metrics", "GET", "evil.example", 403),
        ("/metrics", "GET", "evil.example:80", 403),
        ("/metrics", "POST", "localhost", 501),
    ],
)
def test_nothing_but_the_metrics_is_given_and_to_the_machine_only(
    served: Served, path: str, method: str, host: str, status: int
) -> None:
    """A page in a browser that made a name of its own for this address gets nothing."""
    assert served.get(path, method, Host=host)[0] == status


def test_it_listens_on_the_loopback_only(served: Served) -> None:
    """Other machines can't ask."""
    assert served.server._server is not None
    assert served.server._server.socket.getsockname()[0] == "127.0.0.1"


def test_a_port_that_is_taken_is_one_clear_line(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """The program goes on without it."""
    assert served.server.port is not None
    second = ScrapeServer(served.reader, served.server.port)
    second.close()

    assert second.port is None
    assert caplog.messages == [
        f"metrics are not served on http://127.0.0.1:{served.server.port}/metrics: Address already in use. Choose another"
        " port with OTEL_PYTHON_OTELKIT_METRICS_PORT; everything else works."
    ]


def test_a_client_that_hangs_or_talks_nonsense_does_not_end_it(
    served: Served, capfd: pytest.CaptureFixture[str]
) -> None:
    """The next scrape is answered, and the program's stderr stays its own."""
    assert served.server.port is not None
    for nonsense in (b"", b"\x00\xff\r\n\r\n", b"GET /metrics HTTP/1.1\r\n"):
        with socket.create_connection(("127.0.0.1", served.server.port), timeout=10) as client:
            client.sendall(nonsense)

    assert served.get()[0] == 200
    assert capfd.readouterr().err == ""


def test_a_collection_that_fails_is_an_answer(served: Served) -> None:
    """A provider that was shut down has nothing to give: the scraper is told so."""
    served.reader._set_collect_callback(_broken)

    assert served.get()[0] == 503


def _broken(*_args: object, **_kwargs: object) -> None:
    raise RuntimeError("no")


def test_it_stops_at_once_and_gives_the_port_free(served: Served) -> None:
    """Also while a scrape is being answered."""
    inside, leave = threading.Event(), threading.Event()

    def slow(_options: CallbackOptions) -> list[Observation]:
        inside.set()
        leave.wait(10)
        return []

    served.provider.get_meter("slow").create_observable_gauge("slow", [slow])
    port = served.server.port
    assert port is not None
    scraper = threading.Thread(target=served.get)
    scraper.start()
    assert inside.wait(10)
    served.server.close()
    served.server.close()
    again = ScrapeServer(ScrapeReader(), port)
    leave.set()
    scraper.join()

    assert again.port == port
    again.close()


def test_a_forked_child_leaves_the_port_to_its_parent(served: Served) -> None:
    """The child neither answers nor keeps the port when the parent has gone."""
    url = f"http://127.0.0.1:{served.server.port}/metrics"

    def child() -> int | None:
        return served.server.port

    assert in_child(child) is None
    with urllib.request.urlopen(url, timeout=10) as response:
        assert b"files_total" in response.read()
