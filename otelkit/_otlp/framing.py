"""What stands around the items of a request: resources and instrumentation scopes. The same for all signals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from otelkit._otlp.key_values import KeyValueWriter, pairs
from otelkit._otlp.wire import count, field, text_field

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

MAX_REMEMBERED: Final = 64
"""Resources, and as many scopes, remembered by the object they were; with one more, all are forgotten."""

_RESOURCE: Final = b"\x0a"
_RESOURCE_ATTRIBUTES: Final = b"\x0a"
_RESOURCE_DROPPED: Final = b"\x10"
_SCOPE: Final = b"\x0a"
_SCOPE_NAME: Final = b"\x0a"
_SCOPE_VERSION: Final = b"\x12"
_SCOPE_ATTRIBUTES: Final = b"\x1a"
_SCOPE_DROPPED: Final = b"\x20"
_SCHEMA_URL: Final = b"\x1a"
_SCOPE_ITEMS: Final = b"\x12"
_RESOURCE_ITEMS: Final = b"\x0a"
ITEM: Final = b"\x12"
"""Tag of a span in ``ScopeSpans``, of a record in ``ScopeLogs``, of a metric in ``ScopeMetrics``."""


class Frame(NamedTuple):
    """What stands before and after the contents of a ``Resource…`` or ``Scope…`` message (``ResourceSpans``, ``ScopeLogs``).

    Two resources that are written alike are one resource to whoever reads it, so frames are what items are grouped by.
    """

    before: bytes
    after: bytes


class Frames:
    """Writes resources and scopes, each once. Several threads may ask at once."""

    def __init__(self) -> None:
        self._resource_attributes = KeyValueWriter(_RESOURCE_ATTRIBUTES)
        self._scope_attributes = KeyValueWriter(_SCOPE_ATTRIBUTES)
        # By identity: hashing a resource writes all of it out as JSON. The object is kept, so that its number stays its own.
        self._resources: dict[int, tuple[object, Frame]] = {}
        self._scopes: dict[int, tuple[object, Frame]] = {}

    def of_resource(self, resource: Resource) -> Frame:
        """Return the frame of everything that comes from ``resource``."""
        known = self._resources.get(id(resource))
        if known is not None:
            return known[1]
        frame = self.resource(resource.attributes, resource.schema_url)
        self._resources = _with(self._resources, resource, frame)
        return frame

    def of_scope(self, scope: InstrumentationScope | None) -> Frame:
        """Return the frame of everything that comes from ``scope``."""
        known = self._scopes.get(id(scope))
        if known is not None:
            return known[1]
        said = ("",) if scope is None else (scope.name, scope.version, scope.schema_url, scope.attributes)
        frame = self.scope(*said)
        self._scopes = _with(self._scopes, scope, frame)
        return frame

    def resource(self, attributes: Mapping[str, Any] | None, schema_url: str | None = None) -> Frame:
        """Return the frame of a resource with these attributes."""
        written, left_out = self._resource_attributes.fields(pairs(attributes))
        return Frame(
            field(_RESOURCE, written + count(_RESOURCE_DROPPED, left_out)), text_field(_SCHEMA_URL, schema_url)
        )

    def scope(
        self,
        name: str,
        version: str | None = None,
        schema_url: str | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> Frame:
        """Return the frame of a scope."""
        written, left_out = self._scope_attributes.fields(pairs(attributes))
        content = text_field(_SCOPE_NAME, name) + text_field(_SCOPE_VERSION, version) + written
        return Frame(field(_SCOPE, content + count(_SCOPE_DROPPED, left_out)), text_field(_SCHEMA_URL, schema_url))


Groups = dict[Frame, dict[Frame, list[bytes]]]
"""Resource -> scope -> pieces that put together are the fields of spans, of log records or of metrics."""


def request(groups: Groups) -> bytes:
    """Return the content of an ``Export…ServiceRequest``; no bytes for no items."""
    return b"".join([field(_RESOURCE_ITEMS, _resource_items(resource, scopes)) for resource, scopes in groups.items()])


def _resource_items(resource: Frame, scopes: dict[Frame, list[bytes]]) -> bytes:
    scope_items = [
        field(_SCOPE_ITEMS, b"".join((scope.before, *pieces, scope.after))) for scope, pieces in scopes.items()
    ]
    return b"".join((resource.before, *scope_items, resource.after))


def _with(known: dict[int, tuple[object, Frame]], owner: object, frame: Frame) -> dict[int, tuple[object, Frame]]:
    if len(known) >= MAX_REMEMBERED:
        known = {}
    known[id(owner)] = (owner, frame)
    return known
