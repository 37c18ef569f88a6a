"""What all three signals share: a request of resources, of scopes, of items; and the batch that becomes of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from otelkit import names
from otelkit.embedded.wire_primitives import LENGTH, fields, malformed, read_tag, read_varint, skip_field
from otelkit.embedded.wire_values import AttributeMemo, parse_key_value
from otelkit.model.signals import Signal

MAX_TIME_NS: Final = (1 << 63) - 1
"""The latest time that is stored, in nanoseconds since 1970: the year 2262."""


class Resource:
    """Who sent a group of items. The same object for the same bytes, as long as it is remembered."""

    __slots__ = ("attributes", "raw", "run_id", "run_name", "schema_url", "service")

    def __init__(self, raw: bytes, schema_url: str, attributes: dict[str, Any]) -> None:
        self.raw = raw
        """The `Resource` message."""
        self.schema_url = schema_url
        self.attributes = attributes
        self.service = str(attributes.get(names.SERVICE_NAME) or "unknown_service")
        run = attributes.get(names.PIPELINE_RUN_ID) or attributes.get(names.SERVICE_INSTANCE_ID) or self.service
        self.run_id = str(run)
        """The run of items that name none themselves."""
        run_name = attributes.get(names.PIPELINE_RUN_NAME)
        self.run_name = None if run_name is None else str(run_name)


class Scope:
    """Which instrumentation made a group of items."""

    __slots__ = ("name", "raw", "schema_url", "version")

    def __init__(self, raw: bytes, schema_url: str, name: str, version: str) -> None:
        self.raw = raw
        """The `InstrumentationScope` message."""
        self.schema_url = schema_url
        self.name = name
        self.version = version


@dataclass(slots=True)
class Group:
    """The items of one resource and one scope."""

    resource: Resource
    scope: Scope
    rows: list[Any]
    """Any: `SpanRow`, `LogRow` or `PointRow`, by the batch's signal."""


@dataclass(slots=True)
class Batch:
    """One decoded request."""

    signal: Signal
    count: int = 0
    """Spans, log records or points accepted."""
    rejected: int = 0
    """Items left out because they are invalid; the rest of the request is taken."""
    rejected_reason: str = ""
    """Why the first of them was; empty if none was."""
    digest: bytes = b""
    """Identifies the request by its bytes, so that a repeated one is recognised; empty: no check."""
    timeless: bool = False
    """An item has no time of its own: the same bytes again may be something new."""
    groups: list[Group] = field(default_factory=list)

    def reject(self, reason: str) -> None:
        """Leave one item out."""
        self.rejected += 1
        if not self.rejected_reason:
            self.rejected_reason = reason


class Envelope:
    """Walks the outer messages of a request; remembers resources and scopes, of which there are few."""

    REMEMBERED: Final = 4_096

    def __init__(self) -> None:
        self.attributes = AttributeMemo()
        self._resources: dict[tuple[bytes, str], Resource] = {}
        self._scopes: dict[tuple[bytes, str], Scope] = {}

    def groups(self, buf: bytes) -> Iterator[tuple[Resource, Scope, list[tuple[int, int]]]]:
        """Yield resource, scope and where in ``buf`` each item's message lies."""
        for tag, start, stop in fields(buf, 0, len(buf)):
            if tag != 0x0A:
                continue
            raw, schema_url, scopes = _members(buf, start, stop)
            resource = self._resource(raw, schema_url)
            for scope_start, scope_stop in scopes:
                scope_raw, scope_schema_url, items = _members(buf, scope_start, scope_stop)
                yield resource, self._scope(scope_raw, scope_schema_url), items

    def _resource(self, raw: bytes, schema_url: str) -> Resource:
        known = self._resources.get((raw, schema_url))
        if known is None:
            attributes: dict[str, Any] = {}
            for tag, start, stop in fields(raw, 0, len(raw)):
                if tag == 0x0A:
                    key, value = parse_key_value(raw, start, stop)
                    attributes[key] = value
                elif tag == 0x1A:
                    _check_entity(raw, start, stop)
            known = Resource(raw, schema_url, attributes)
            if len(self._resources) >= self.REMEMBERED:
                self._resources.clear()
            self._resources[(raw, schema_url)] = known
        return known

    def _scope(self, raw: bytes, schema_url: str) -> Scope:
        known = self._scopes.get((raw, schema_url))
        if known is None:
            name = version = ""
            for tag, start, stop in fields(raw, 0, len(raw)):
                if tag == 0x0A:
                    name = raw[start:stop].decode()
                elif tag == 0x12:
                    version = raw[start:stop].decode()
                elif tag == 0x1A:
                    parse_key_value(raw, start, stop)
            known = Scope(raw, schema_url, name, version)
            if len(self._scopes) >= self.REMEMBERED:
                self._scopes.clear()
            self._scopes[(raw, schema_url)] = known
        return known


class Parser(ABC):
    """Decodes the requests of one signal; what an item looks like is for each signal to say.

    One thread at a time is fastest; several are safe.
    """

    signal: Signal

    def __init__(self) -> None:
        self._envelope = Envelope()

    def decode(self, buf: bytes) -> Batch:
        """Return the batch in ``buf``. Besides WireError it lets IndexError, struct.error and UnicodeError out."""
        batch = Batch(self.signal)
        read = self._read
        for resource, scope, items in self._envelope.groups(buf):
            rows: list[Any] = []  # Any: as in Group
            for start, stop in items:
                read(buf, start, stop, rows, batch)
            self._envelope.attributes.items += len(rows)
            batch.count += len(rows)
            if rows:
                batch.groups.append(Group(resource, scope, rows))
        return batch

    @abstractmethod
    def _read(self, buf: bytes, pos: int, end: int, rows: list[Any], batch: Batch) -> None:  # Any: as in Group
        """Append to ``rows`` what the item in ``buf[pos:end]`` holds, or tell ``batch`` why it can't be stored."""


def _members(buf: bytes, pos: int, end: int) -> tuple[bytes, str, list[tuple[int, int]]]:
    """Return head (resource or scope), schema URL and the places of what repeats: resources and scopes are alike."""
    head = b""
    schema_url = ""
    repeated: list[tuple[int, int]] = []
    while pos < end:
        if buf[pos] == 0x12:
            # What repeats is nearly everything, hence not by `fields`.
            size = buf[pos + 1]
            if size < 0x80:
                pos += 2
            else:
                size, pos = read_varint(buf, pos + 1)
            start, pos = pos, pos + size
            repeated.append((start, pos))
            continue
        tag, pos = read_tag(buf, pos)
        after = skip_field(buf, tag, pos, end)
        if tag & 7 == LENGTH:
            _, pos = read_varint(buf, pos)
        if tag == 0x0A:
            # A message given twice merges, which for protobuf is the same as one after the other.
            head += buf[pos:after]
        elif tag == 0x1A:
            schema_url = buf[pos:after].decode()
        pos = after
    if pos != end:
        raise malformed("a field that runs past the end of its message", end)
    return head, schema_url, repeated


def _check_entity(buf: bytes, pos: int, end: int) -> None:
    for tag, start, stop in fields(buf, pos, end):
        if tag in (0x0A, 0x12, 0x1A, 0x22):
            buf[start:stop].decode()
