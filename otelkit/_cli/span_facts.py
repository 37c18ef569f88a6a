"""What a span's attributes, events and links say, for reading: the item first, dull things left out or last."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from rich.cells import cell_len
from rich.text import Text

from otelkit import names
from otelkit._cli import figures
from otelkit._cli.fitting import fit, left, printable, wrapped
from otelkit._cli.look import BAD, QUIET, STRONG, Signs, line, sayable
from otelkit._cli.run_lines import short_id
from otelkit._cli.span_tree import Node
from otelkit._cli.trace_rows import EXCEPTION_EVENT, exception_of
from otelkit.model.calls import AttributeValue
from otelkit.model.views import LogView, SpanView

_MOST: Final = 8
"""Attributes in the short form."""
_KEY_CELLS: Final = 32
_PREFIX: Final = names.PIPELINE_NAME.removesuffix("name")
_VALUE_LINES: Final = 3
_DULL: Final = frozenset(
    {
        names.PIPELINE_NAME,
        names.PIPELINE_RUN_ID,
        names.PIPELINE_RUN_NAME,
        names.STAGE_NAME,
        names.STAGE_KIND,
        names.STAGE_OUTCOME,
        names.ERROR_TYPE,
        names.SAMPLING_REASON,
        names.SAMPLING_RATE,
        names.ITEMS_OK,
        names.ITEMS_FAILED,
        "thread.id",
        "thread.name",
    }
)
"""Said elsewhere in the picture, or the same on every span."""
# Without a function it is the place in the bad file that a SyntaxError names: data, not code.
_FRAME: Final = re.compile(r'File "([^"\n]+)", line (\d+), in ([^\n]+)')
_LIBRARY: Final = re.compile(
    r"[/\\]otelkit[/\\]stages[/\\]|[/\\](?:site-packages|dist-packages|lib[/\\]python3\.\d+)[/\\]|^<frozen "
)


def error_of(span: SpanView) -> str:
    """Return why a span failed: ``SyntaxError: invalid syntax``; "" if it does not say."""
    for event in reversed(span.events):
        if event.name == EXCEPTION_EVENT:
            kind, message = exception_of(event.attributes)
            return printable(": ".join(part for part in (kind, message) if part))
    kind = str(span.attributes.get(names.ERROR_TYPE, ""))
    return printable(": ".join(part for part in (kind, span.status_message) if part))


def place_of(span: SpanView) -> str:
    """Return the line of code where the error came up: ``steps.py:31 in parse``; "" if no traceback was recorded.

    The innermost line outside Python's own library, installed packages and our wrappers, because that is where a reader can
    do something; the innermost of all if there is no such line.
    """
    for event in reversed(span.events):
        frames = _FRAME.findall(str(event.attributes.get(names.EXCEPTION_STACKTRACE, "")))
        if frames:
            own = [frame for frame in frames if not _LIBRARY.search(frame[0])]
            file, number, function = (own or frames)[-1]
            return printable(f"{_from_here(file)}:{number} in {function.strip()}")
    return ""


def _from_here(file: str) -> str:
    """Return a path as somebody in the working folder would type it, if the file is below it."""
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except (ValueError, OSError):  # elsewhere, or the working folder is gone
        return file


def key_attributes(span: SpanView) -> list[tuple[str, AttributeValue]]:
    """Return the attributes worth a line, the item first."""
    found = [(key, value) for key, value in span.attributes.items() if key not in _DULL and key != names.ITEM_ID]
    item = span.attributes.get(names.ITEM_ID)
    return ([(names.ITEM_ID, item)] if item is not None else []) + sorted(found, key=lambda pair: pair[0])


def short_facts(node: Node, title: str, width: int, signs: Signs, *, said_item: object = None) -> Iterator[Text]:
    """Yield a block on one notable span: its item (unless said already), its key attributes, and the error if it began here."""
    span = node.span
    style = BAD if node.origin else STRONG
    yield line((fit(title, width, signs=signs), style))
    if node.origin and (error := error_of(span)):
        for text in wrapped(error, width - 2, 4, signs):
            yield line("  ", (text, BAD))
    item = span.attributes.get(names.ITEM_ID)
    pairs = [
        (key.removeprefix(_PREFIX), _shown(value))
        for key, value in key_attributes(span)
        # An argument that is the item itself says nothing new.
        if value != said_item and (key == names.ITEM_ID or value != item)
    ]
    if node.origin and (place := place_of(span)):
        pairs.insert(1 if pairs and pairs[0][0] == names.ITEM_ID.removeprefix(_PREFIX) else 0, ("at", place))
    yield from _pairs(pairs[:_MOST], width, signs)
    if len(pairs) > _MOST:
        yield line((f"  {figures.plural(len(pairs) - _MOST, 'more attribute')}", QUIET))


def all_facts(node: Node, logs: Sequence[LogView], width: int, signs: Signs) -> Iterator[Text]:
    """Yield everything stored of one span: times, attributes, events with tracebacks, log lines, links, resource."""
    span = node.span
    parent = span.parent_span_id or figures.UNKNOWN
    took = figures.duration(span.duration_ns / 1e9, digits=3)
    own = figures.duration(node.own_ns / 1e9, digits=3)
    yield line((printable(span.name), BAD if node.failed else STRONG), f"  {span.status}")
    about = [
        ("span", span.span_id),
        ("parent", sayable(parent, signs)),
        ("took", sayable(f"{took}, {own} of it without its children", signs)),
        ("kind", span.kind),
        ("scope", printable(span.scope)),
        ("status", printable(span.status_message)),
        ("tracestate", printable(span.trace_state)),
    ]
    yield from _pairs([(key, value) for key, value in about if value], width, signs, lines=100)
    yield from _section("attributes", span.attributes, width, signs)
    for event in span.events:
        trace = str(event.attributes.get(names.EXCEPTION_STACKTRACE, ""))
        rest = {key: value for key, value in event.attributes.items() if key != names.EXCEPTION_STACKTRACE}
        after = _after(span, event.time_unix_nano, signs)
        yield from _section(f"event {printable(event.name)} {after}", rest, width, signs, even_if_empty=True)
        yield from _code(trace, width, signs)
    for log in logs:
        trace = str(log.attributes.get(names.EXCEPTION_STACKTRACE, ""))
        rest = {key: value for key, value in log.attributes.items() if key != names.EXCEPTION_STACKTRACE}
        said: dict[str, AttributeValue] = {"message": log.body}
        after = _after(span, log.time_unix_nano, signs)
        yield from _section(f"log line {printable(log.severity)} {after}", said | rest, width, signs)
        yield from _code(trace, width, signs)
    for link in span.links:
        title = f"link to span {link.span_id} of trace {short_id(link.trace_id)}"
        yield from _section(title, link.attributes, width, signs, even_if_empty=True)
    yield from _section("resource", span.resource, width, signs)


def _section(
    title: str, attributes: Mapping[str, AttributeValue], width: int, signs: Signs, *, even_if_empty: bool = False
) -> Iterator[Text]:
    if not attributes and not even_if_empty:
        return
    yield line()
    yield line((fit(title, width, signs=signs), QUIET))
    yield from _pairs([(key, _shown(value)) for key, value in sorted(attributes.items())], width, signs, lines=100)


def _after(span: SpanView, time_ns: int, signs: Signs) -> str:
    return sayable(f"after {figures.duration((time_ns - span.start_unix_nano) / 1e9, digits=3)}", signs)


def _code(traceback: str, width: int, signs: Signs) -> Iterator[Text]:
    """Yield a traceback line by line, with its indents, which `printable` would fold."""
    for text in traceback.splitlines():
        indent = " " * min(2 + len(text) - len(text.lstrip()), width // 2)
        for part in wrapped(printable(text), width - len(indent), 100, signs):
            yield line(indent, (part, QUIET))


def _pairs(pairs: list[tuple[str, str]], width: int, signs: Signs, *, lines: int = _VALUE_LINES) -> Iterator[Text]:
    cells = min(max((cell_len(printable(key)) for key, _ in pairs), default=0), _KEY_CELLS, width // 2)
    for key, value in pairs:
        label = left(fit(printable(key), cells, keep="end", signs=signs), cells)
        for text in wrapped(value, max(8, width - cells - 4), lines, signs) or [""]:
            yield line("  ", (label, QUIET), "  ", text)
            label = " " * cells


def _shown(value: AttributeValue) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_shown(part) for part in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    return printable(str(value)[:4000])
