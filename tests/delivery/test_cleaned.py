"""What is told of endpoints and of what they said."""

from __future__ import annotations

import pytest

from otelkit.delivery.cleaned import cleaned, without_secrets

pytestmark = pytest.mark.sdk


def test_secrets_in_a_url_are_not_told() -> None:
    """Neither the password before the host nor a token in the query."""
    assert without_secrets("https://me:secret@collector:4318/v1/traces?token=secret") == "https://collector:4318"
    assert without_secrets("me:secret@collector:4317") == "collector:4317"
    assert without_secrets("the exporter console") == "the exporter console"
    assert "secret" not in without_secrets("http://[::1/me:secret@x")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "HTTPConnectionPool(host='c', port=4318): Max retries exceeded with url: /v1/traces?api-key=SECRET (Caused by X)",
            "HTTPConnectionPool(host='c', port=4318): Max retries exceeded (Caused by X)",
        ),
        ("404 for https://me:SECRET@c:4318/SECRET/v1?k=SECRET#SECRET, sorry", "404 for https://c:4318 sorry"),
        ("could not post '/v1/traces?api-key=SECRET&x=SECRET'", "could not post '/v1/traces"),
        ("what? no=way", "what? no=way"),
        ("503 Service Unavailable", "503 Service Unavailable"),
    ],
)
def test_urls_in_what_was_said_lose_path_query_and_password(said: str, told: str) -> None:
    """Whole URLs, and the way urllib3 writes them; other words stay."""
    assert cleaned(said) == told


def test_header_values_that_an_endpoint_repeats_are_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the environment writes them and as they are sent, of all signals or of one."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20T0PSECRET,x-n=1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "api-key=an%2Bother")

    assert cleaned("token 'T0PSECRET' of 'Bearer T0PSECRET' or an+other or an%2Bother: 1 is bad") == (
        "token '***' of '***' or *** or ***: 1 is bad"
    )
