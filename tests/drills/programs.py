"""Programs with an account: what otelkit says at the very end of them is compared with what is where."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otelkit.delivery.spool import read_spool
from tests.otlp_server import OtlpServer, mapping
from tests.programs import clean_environment, write

# Registered before otelkit is installed, so called after it has finished: nothing changes any more.
_ACCOUNT = """
    import atexit, json, os, resource, sys
    from pathlib import Path

    def write_account():
        from otelkit._assembly.install import installation
        counts = {}
        for signal, count in installation().ledger.snapshot().items():
            counts[signal] = {"created": count.created, "delivered": count.delivered, "spooled": count.spooled,
                              "dropped": count.dropped, "lost": dict(count.lost), "pending": count.pending}
        Path("account.json").write_text(json.dumps(counts))

    atexit.register(write_account)

    import otelkit
    otelkit.configure()
"""


@dataclass(frozen=True, slots=True)
class Account:
    """The account of one signal after the end of a program."""

    created: int
    delivered: int
    spooled: int
    dropped: int
    lost: Mapping[str, int]
    pending: int

    def check(self) -> None:
        """Fail unless it adds up and nothing is still on its way."""
        assert self.created == self.delivered + self.spooled + self.dropped + sum(self.lost.values()) + self.pending
        assert self.pending == 0


@dataclass(frozen=True, slots=True)
class Ended:
    """A program that has ended."""

    code: int
    stdout: str
    stderr: str
    accounts: Mapping[str, Account]
    """By signal; empty if the program could not write them."""

    @property
    def spans(self) -> Account:
        return self.accounts["traces"]


def prepare(folder: Path, program: str) -> list[str]:
    """Write a program that starts with ``import account``, and return the command that runs it in the folder."""
    write(folder, "account.py", _ACCOUNT)
    write(folder, "app.py", program)
    return [sys.executable, "app.py"]


def variables(url: str, **more: str) -> dict[str, str]:
    """Return the environment of a drill: everything is sent to ``url``, logs included."""
    return clean_environment(OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_SERVICE_NAME="drill", **more)


def start(folder: Path, program: str, url: str, *arguments: str, **more: str) -> subprocess.Popen[str]:
    """Start a program and return at once; its standard input stays open until `ended`."""
    return subprocess.Popen(
        [*prepare(folder, program), *arguments],
        cwd=folder,
        env=variables(url, **more),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(folder: Path, process: subprocess.Popen[str], timeout_s: float = 120.0) -> Ended:
    """Close a program's standard input and wait for its end; kill it and fail if that does not come in time."""
    try:
        stdout, stderr = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    accounts = {}
    if (path := folder / "account.json").exists():
        accounts = {signal: Account(**counts) for signal, counts in json.loads(path.read_text()).items()}
        path.unlink()
    return Ended(process.returncode, stdout, stderr, accounts)


def run(folder: Path, program: str, url: str, *arguments: str, timeout_s: float = 120.0, **more: str) -> Ended:
    """Run a program to its end."""
    return ended(folder, start(folder, program, url, *arguments, **more), timeout_s)


def check(program: Ended, server: OtlpServer, folder: Path) -> None:
    """Compare the account of spans with where each one is; fail if one is missing, or in two places.

    For a program whose end was its own, and a server that was healthy or not there at all.
    """
    account = program.spans
    account.check()
    arrived = Counter(span.span_id for span in server.spans)
    spooled = Counter(span.span_id.hex() for span in spooled_spans(folder))
    assert arrived.total() == account.delivered
    assert spooled.total() == account.spooled
    assert set((arrived + spooled).values()) <= {1}, "a span is in two places"
    if lost := sum(account.lost.values()):
        assert f"lost {lost} span" in program.stderr
    else:
        assert "lost" not in program.stderr


def spooled_spans(folder: Path) -> Iterable[Any]:
    """Return the spans in the spool of a program that ran in the folder."""
    found = []
    for request in read_spool(folder / ".otelkit" / "spool"):
        if request.signal == "traces":
            message = ExportTraceServiceRequest.FromString(request.body)
            spans = [span for group in message.resource_spans for scope in group.scope_spans for span in scope.spans]
            assert len(spans) == request.count
            found += spans
        request.release()
    return found


def items(spans: Iterable[Any]) -> Counter[str]:
    """Return how often each item is among the spans of protobuf messages."""
    return Counter(str(found) for span in spans if (found := mapping(span.attributes).get("pipeline.item.id")))
