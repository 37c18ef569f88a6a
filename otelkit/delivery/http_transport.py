"""OTLP over HTTP, protobuf."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final

from otelkit._version import __version__
from otelkit.delivery.answer_body import bounded, partial_success, status_message
from otelkit.delivery.cleaned import cleaned
from otelkit.delivery.late_import import no_fork
from otelkit.delivery.otlp_settings import OtlpSettings
from otelkit.delivery.transport import Answer, Contact, Later, Never, Taken

if TYPE_CHECKING:
    import requests

CREDENTIAL_PROVIDERS: Final = "opentelemetry_otlp_credential_provider"
"""The entry point group of whatever makes sessions or channel credentials."""

_ANSWER_LIMIT: Final = 64 * 1024
"""Most bytes of an answer that are read."""
_BAD_REQUEST: Final = frozenset({400, 422})
_TOO_LARGE: Final = 413
_BUSY: Final = frozenset({408, 425, 429, 502, 503, 504})
"""Those that OTLP calls retryable, and the two of HTTP that say so by their name."""
# A receiver of OTLP explains itself in the encoding it was asked in. Whatever says 400 in another way (a TLS port, a proxy)
# has not looked at the telemetry.
_OTLP_ANSWERS: Final = ("application/x-protobuf", "application/json")
# The fastest level: telemetry repeats itself so much that the slowest saves little, and costs the program's own time.
_LEVEL: Final = 1
_GZIP_WINDOW: Final = 31


class HttpTransport:
    """Sends with `requests`, so that proxies, ``.netrc`` and certificate bundles of the environment work as people expect.

    Imports `requests` when it is made, which takes some 50 ms: make it on the thread that sends.

    Raises:
        LookupError: The credential provider is not installed.
        TypeError: It does not give a session.
    """

    def __init__(self, settings: OtlpSettings) -> None:
        self._settings = settings
        self._headers = {
            "content-type": "application/x-protobuf",
            "user-agent": f"otelkit/{__version__} OTel-OTLP-Exporter-Python",
            **settings.headers,
        }
        if settings.compression != "none":
            self._headers["content-encoding"] = settings.compression
        with no_fork():
            self._session = _session(settings)

    def send(self, body: bytes, timeout_s: float) -> Answer:
        """Send one request."""
        data = _compressed(body, self._settings.compression)
        deadline = time.monotonic() + min(timeout_s, self._settings.timeout_s)
        try:
            return self._once(data, deadline)
        except Exception as error:  # noqa: BLE001 - sessions of credential providers raise what they like
            contact = _contact(error)
            if contact is not Contact.BROKEN or time.monotonic() >= deadline:
                return _later(error, contact)
        # Most often the receiver closed a connection that it thought idle, just when we used it again.
        try:
            return self._once(data, deadline)
        except Exception as error:  # noqa: BLE001 - see above
            return _later(error, _contact(error))

    def _once(self, data: bytes, deadline: float) -> Answer:
        settings = self._settings
        response = self._session.post(
            settings.endpoint,
            data=data,
            headers=self._headers,
            timeout=max(0.001, deadline - time.monotonic()),
            # The session's own would lose against a bundle that the environment names.
            verify=settings.certificate,
            allow_redirects=False,
            stream=True,
        )
        try:
            said = response.raw.read(_ANSWER_LIMIT, decode_content=True)
        except Exception:  # noqa: BLE001 - urllib3 has many ways to say that an answer was cut short
            # The status is the answer; what was cut short only explains it.
            said = b""
        finally:
            response.close()
        return _answer(response.status_code, response.headers, response.reason or "", said)

    def close(self) -> None:
        """Close idle connections."""
        self._session.close()


def _session(settings: OtlpSettings) -> requests.Session:
    import requests  # here, since it takes longer to import than all of otelkit

    session = requests.Session() if settings.credential_provider is None else _provided(settings.credential_provider)
    if settings.client_certificate is not None:
        key = settings.client_key
        session.cert = (settings.client_certificate, key) if key else settings.client_certificate
    return session


def _provided(name: str) -> requests.Session:
    import requests

    session = provided(name)
    if not isinstance(session, requests.Session):
        raise TypeError(
            f"the credential provider {name!r} gave a {type(session).__name__}; expected a requests.Session"
        )
    return session


def provided(name: str) -> object:
    """Return what the credential provider ``name`` makes.

    Raises:
        LookupError: It is not installed.
    """
    for entry in entry_points(group=CREDENTIAL_PROVIDERS, name=name):
        made: object = entry.load()()
        return made
    raise LookupError(
        f"the credential provider {name!r} is not installed; see OTEL_PYTHON_EXPORTER_OTLP_…_CREDENTIAL_PROVIDER"
    )


def _compressed(body: bytes, compression: str) -> bytes:
    if compression == "none":
        return body
    packer = zlib.compressobj(_LEVEL, wbits=_GZIP_WINDOW if compression == "gzip" else zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


def _answer(status: int, headers: Mapping[str, str], reason: str, said: bytes) -> Answer:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    is_protobuf = kind == "application/x-protobuf"
    if 200 <= status < 300:
        return Taken(*partial_success(said)) if is_protobuf else Taken()
    message = status_message(said) if is_protobuf else ""
    why = cleaned(f"HTTP {status} {message or reason}".rstrip())
    if status == _TOO_LARGE or (status in _BAD_REQUEST and kind in _OTLP_ANSWERS):
        return Never(why)
    contact = Contact.BUSY if status in _BUSY else Contact.ANSWERED
    return Later(why, retry_after_s(headers.get("retry-after")), contact)


def retry_after_s(value: str | None) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for, in [0, 3600]; None if it is missing or makes no sense.

    Source: RFC 9110, section 10.2.3: seconds, or a date.
    """
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return bounded(float(value))
    try:
        # A date without a zone is in GMT, as all dates of HTTP are.
        return bounded(parsedate_to_datetime(value.replace("-0000", "+0000")).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None


def _later(error: Exception, contact: Contact) -> Later:
    return Later(cleaned(f"{type(error).__name__}: {error}"), contact=contact)


def _contact(error: Exception) -> Contact:
    """Return how far an attempt came that ended with ``error``."""
    import requests

    if isinstance(error, requests.Timeout):
        return Contact.SILENT
    for cause in _causes(error):
        if isinstance(cause, ConnectionRefusedError):
            return Contact.REFUSED
        if isinstance(cause, TimeoutError):
            return Contact.SILENT
    return Contact.BROKEN


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what led to it; urllib3 keeps that in ``reason`` and ``args`` too."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        found = waiting.pop()
        if isinstance(found, BaseException) and id(found) not in seen:
            seen.add(id(found))
            yield found
            waiting += [found.__cause__, found.__context__, getattr(found, "reason", None), *found.args]
