"""OTLP over HTTP, protobuf, by a session of `requests`: through proxies, with ``.netrc`` and credential providers."""

from __future__ import annotations

import time

import requests

from otelkit.delivery.compression import compressed
from otelkit.delivery.credentials import provided
from otelkit.delivery.failure import attempted
from otelkit.delivery.http_answer import ANSWER_LIMIT, read_answer, request_headers
from otelkit.delivery.otlp_settings import OtlpSettings
from otelkit.delivery.transport import Answer


class SessionTransport:
    """Sends with `requests`, so that what the environment says to it works as people expect.

    Raises:
        LookupError: The credential provider is not installed.
        TypeError: It does not give a session.
    """

    def __init__(self, settings: OtlpSettings) -> None:
        self._settings = settings
        self._headers = request_headers(settings)
        self._used = False
        self._session = _provided(settings.credential_provider) if settings.credential_provider else requests.Session()
        if settings.client_certificate is not None:
            key = settings.client_key
            self._session.cert = (settings.client_certificate, key) if key else settings.client_certificate

    def send(self, body: bytes, timeout_s: float) -> Answer:
        """Send one request."""
        data = compressed(body, self._settings.compression)
        deadline = time.monotonic() + min(timeout_s, self._settings.timeout_s)
        again, self._used = self._used, True
        return attempted(lambda: self._once(data, deadline), again=again)

    def _once(self, data: bytes, deadline: float) -> Answer:
        try:
            response = self._session.post(
                self._settings.endpoint,
                data=data,
                headers=self._headers,
                timeout=max(0.001, deadline - time.monotonic()),
                # The session's own would lose against a bundle that the environment names.
                verify=self._settings.certificate,
                allow_redirects=False,
                stream=True,
            )
        except requests.Timeout as error:
            # What timed out is not always among its causes.
            raise TimeoutError(str(error)) from error
        try:
            said = response.raw.read(ANSWER_LIMIT, decode_content=True)
        except Exception:  # noqa: BLE001 - urllib3 has many ways to say that an answer was cut short
            # The status is the answer; what was cut short only explains it.
            said = b""
        finally:
            response.close()
        return read_answer(response.status_code, response.reason or "", response.headers.get, said)

    def close(self) -> None:
        """Close idle connections."""
        self._session.close()


def _provided(name: str) -> requests.Session:
    session = provided(name)
    if not isinstance(session, requests.Session):
        raise TypeError(
            f"the credential provider {name!r} gave a {type(session).__name__}; expected a requests.Session"
        )
    return session
