"""Span processors of the stock SDK, which installed distributions offer or a program hands over."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import SpanProcessor

from otelkit._assembly.processors import given_candidates
from tests.distributions import install
from tests.otlp_server import otlp_server
from tests.programs import instrument, write

pytestmark = pytest.mark.sdk

_SEEN = """
import json
from opentelemetry.sdk.trace import SpanProcessor

class Seen(SpanProcessor):
    def __init__(self, pipeline, exit_limit_s):
        self.told = [pipeline, exit_limit_s]
        self.names = []

    def on_start(self, span, parent_context=None):
        span.set_attribute("seen", True)

    def on_end(self, span):
        self.names.append([span.name, dict(span.attributes)["seen"], span.status.status_code.name])

    def shutdown(self):
        print(json.dumps([self.told, self.names]), flush=True)
"""


def test_an_installed_processor_sees_every_span_and_gets_the_settings_it_asks_for(tmp_path: Path) -> None:
    """Of stages and of other instrumentations, started and ended; what it sets at the start arrives with the span."""
    site = tmp_path / "site"
    install(
        site,
        "seen-otel",
        entry_points={"opentelemetry_span_processor": {"seen": "seen_p:Seen"}},
        modules={"seen_p.py": _SEEN},
    )
    write(
        tmp_path,
        "app.py",
        """
        import sqlite3
        import otelkit

        @otelkit.stage("store")
        def store(n):
            sqlite3.connect(":memory:").cursor().execute("select 1")
            return 1 // n

        for n in (1, 0):
            try:
                store(n)
            except ZeroDivisionError:
                pass
        """,
    )

    with otlp_server() as server:
        done = instrument(
            tmp_path,
            sys.executable,
            "app.py",
            PYTHONPATH=str(site),
            OTEL_EXPORTER_OTLP_ENDPOINT=server.url,
            OTEL_PYTHON_OTELKIT_PIPELINE="texts",
            OTEL_PYTHON_OTELKIT_EXIT_LIMIT_S="3",
        )
        told, seen = json.loads(done.stdout)

    assert told == ["texts", 3.0]
    assert sorted(seen) == [["select", True, "UNSET"]] * 2 + [["store", True, "ERROR"], ["store", True, "UNSET"]]
    assert [span.attributes["seen"] for span in server.spans] == [True] * 4


def test_what_is_handed_over_is_named_by_its_class_and_place() -> None:
    """Two of one class are told apart; a plugin has its own name."""

    class Mine(SpanProcessor): ...

    class Plugin: ...

    assert [each.name for each in given_candidates([Mine(), Mine()], [Plugin()])] == ["Mine-1", "Mine-2", "Plugin-1"]
