"""OTLP over HTTP by `requests`, where something has a say that only `requests` knows; see test_http_transport for the rest."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import requests

from otelkit.delivery import credentials
from otelkit.delivery.http_transport import HttpTransport
from otelkit.delivery.session_transport import SessionTransport
from otelkit.delivery.transport import Taken
from otelkit.delivery.transports import otlp_transport
from tests.otlp_server import otlp_server

pytestmark = pytest.mark.sdk

PROVIDER = "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER"


class Provided(requests.Session):
    """What a cloud's credential provider would give."""

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **options: Any) -> requests.Response:
        options["headers"] = {**options["headers"], "authorization": "Bearer fresh"}
        return super().request(method, url, *args, **options)


class Entry:
    """An entry point that is installed only here."""

    def __init__(self, name: str) -> None:
        self.name = name

    def load(self) -> Any:
        return getattr(sys.modules["some_credentials"], self.name)


@pytest.fixture
def providers(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("some_credentials")
    vars(module).update(session=Provided, other=dict)
    monkeypatch.setitem(sys.modules, "some_credentials", module)
    known = {"session": Entry("session"), "other": Entry("other")}
    monkeypatch.setattr(credentials, "entry_points", lambda *, group, name: [known[name]] if name in known else [])


@pytest.mark.usefixtures("providers")
def test_a_credential_provider_gives_the_session() -> None:
    """As the stock exporter has it, so that cloud vendors' providers work."""
    with otlp_server() as server:
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": server.url, PROVIDER: "session"}
        made = otlp_transport("traces", "http/protobuf", env)()
        answer = made.send(b"", 10.0)
        made.close()

        assert answer == Taken()
        assert server.headers[0]["authorization"] == "Bearer fresh"


@pytest.mark.usefixtures("providers")
@pytest.mark.parametrize(("name", "error"), [("nosuch", LookupError), ("other", TypeError)])
def test_a_credential_provider_that_gives_none_is_an_error(name: str, error: type[Exception]) -> None:
    """Without it the telemetry would go out without credentials."""
    make = otlp_transport("traces", "http/protobuf", {PROVIDER: name})

    with pytest.raises(error, match=name):
        make()


def test_requests_go_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with the stock exporter; but not where the environment makes an exception."""
    with otlp_server() as proxy:
        # The way of a proxy: the whole URL stands where the path would.
        env = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector.invalid/v1/traces", "http_proxy": proxy.url}
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        through = otlp_transport("traces", "http/protobuf", env)()
        monkeypatch.setenv("no_proxy", "collector.invalid")
        around = otlp_transport("traces", "http/protobuf", env | {"no_proxy": "collector.invalid"})()
        through.close()
        around.close()

    assert isinstance(through, SessionTransport)
    assert isinstance(around, HttpTransport)


def test_a_netrc_that_names_the_host_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that names others does not cost the import of `requests`; neither does one that is broken."""
    file = tmp_path / "netrc"
    file.write_text("machine 127.0.0.1 login me password secret\n", encoding="utf-8")
    file.chmod(0o600)
    monkeypatch.setenv("NETRC", str(file))
    with otlp_server() as server:
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": server.url, "NETRC": str(file)}
        made = otlp_transport("traces", "http/protobuf", env)()
        answer = made.send(b"", 10.0)
        made.close()

        assert answer == Taken()
        assert server.headers[0]["authorization"] == "Basic bWU6c2VjcmV0"
    for text in ("machine other login me password secret\n", "nonsense\n"):
        file.write_text(text, encoding="utf-8")
        made = otlp_transport("traces", "http/protobuf", env)()
        made.close()

        assert isinstance(made, HttpTransport)


def test_without_any_of_it_requests_is_not_even_imported() -> None:
    """It takes longer to import than all of otelkit."""
    program = (
        "import sys; from otelkit.delivery.transports import otlp_transport; "
        "otlp_transport('traces', 'http/protobuf', {})(); print('requests' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)

    assert (done.stdout, done.stderr) == ("False\n", "")
