"""What may be told of an endpoint and of what it said, on a terminal or in a log."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

_URL: Final = re.compile(r"\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s'\"<>]+")
# As urllib3 says it: without scheme and host, but with the query.
_WITH_URL: Final = re.compile(r" with url: \S+")
_QUERY: Final = re.compile(r"(?<=[\w/])\?[^\s?]+=\S*")
_HEADERS: Final = re.compile(r"OTEL_EXPORTER_OTLP_(\w+_)?HEADERS")
_LEAST_CHARACTERS: Final = 4
"""Shorter values are no secrets, and would be found in the middle of words."""


def without_secrets(url: str) -> str:
    """Return scheme, host and port of ``url``, without path, query and the password that may stand before the host."""
    try:
        parts = urlsplit(url)
        if not parts.scheme or not parts.netloc:
            return url.rpartition("@")[2]
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], "", "", ""))
    except ValueError:
        return "the endpoint"


def cleaned(words: str) -> str:
    """Return what an exporter said without the secrets it may have repeated.

    URLs lose path, query and password; the values of the headers in the environment (``OTEL_EXPORTER_OTLP_HEADERS`` and
    those of one signal) become ``***``, as written and as sent.
    """
    for value in sorted(_header_values(), key=len, reverse=True):
        words = words.replace(value, "***")
    words = _URL.sub(lambda found: without_secrets(found[0]), words)
    return _QUERY.sub("", _WITH_URL.sub("", words))


def _header_values() -> Iterator[str]:
    for name, headers in tuple(os.environ.items()):
        if not _HEADERS.fullmatch(name):
            continue
        for header in headers.split(","):
            written = header.partition("=")[2].strip()
            for value in (written, unquote(written)):
                # A server that repeats a token leaves out the word before it ("Bearer").
                for shown in (value, value.rpartition(" ")[2]):
                    if len(shown) >= _LEAST_CHARACTERS:
                        yield shown
