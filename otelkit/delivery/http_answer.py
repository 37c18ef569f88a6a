"""What an HTTP status means for a request of OTLP."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Final

from otelkit._version import __version__
from otelkit.delivery.answer_body import bounded, partial_success, status_message
from otelkit.delivery.cleaned import cleaned
from otelkit.delivery.otlp_settings import OtlpSettings
from otelkit.delivery.transport import Answer, Contact, Later, Never, Taken

ANSWER_LIMIT: Final = 64 * 1024
"""Most bytes of an answer that are read."""

_TOO_LARGE: Final = 413
_BAD_REQUEST: Final = frozenset({400, 422})
# A receiver of OTLP explains itself in the encoding it was asked in. Whatever says 400 in another way (a TLS port, a proxy)
# has not looked at the telemetry.
_PROTOBUF: Final = "application/x-protobuf"
_JSON: Final = "application/json"
_BUSY: Final = frozenset({408, 425, 429, 502, 503, 504})
"""Those that OTLP calls retryable, and the two of HTTP that say so by their name."""


def request_headers(settings: OtlpSettings) -> dict[str, str]:
    """Return the headers of every request; those of the settings win."""
    headers = {"content-type": _PROTOBUF, "user-agent": f"otelkit/{__version__} OTel-OTLP-Exporter-Python"}
    if settings.compression != "none":
        headers["content-encoding"] = settings.compression
    return headers | dict(settings.headers)


def read_answer(status: int, reason: str, header: Callable[[str], str | None], said: bytes) -> Answer:
    """Return what an HTTP answer means.

    Args:
        status: Its code, not 1xx.
        reason: The words after it.
        header: Returns the value of a header by its name, whatever the case; None if there is none.
        said: The body, or what could be read of it.
    """
    kind = (header("content-type") or "").partition(";")[0].strip().lower()
    if 200 <= status < 300:
        return Taken(*partial_success(said)) if kind == _PROTOBUF else Taken()
    message = status_message(said) if kind == _PROTOBUF else ""
    why = cleaned(f"HTTP {status} {message or reason}".rstrip())
    if status == _TOO_LARGE or (status in _BAD_REQUEST and kind in (_PROTOBUF, _JSON)):
        return Never(why)
    return Later(why, retry_after_s(header("retry-after")), Contact.BUSY if status in _BUSY else Contact.ANSWERED)


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
