"""Seeing what reaches the root logger changes nothing about it."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from otelkit.logs.tap import RootTap


class Seen(logging.Handler):
    def __init__(self, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def test_it_sees_what_root_handlers_would_see_and_nothing_else() -> None:
    """A logger that a program keeps to itself stays private."""
    seen = Seen(logging.INFO)
    tap = RootTap(seen)
    private = logging.getLogger("tap.private")
    below = logging.getLogger("tap.private.below")
    private.propagate = False
    private.addHandler(logging.NullHandler())
    logging.getLogger("tap").setLevel(logging.DEBUG)
    tap.open()
    tap.open()
    try:
        logging.getLogger("tap.open").info("seen")
        logging.getLogger("tap.open").debug("below the handler's level")
        private.error("private")
        below.error("private, too")
        logging.getLogger().error("root")
    finally:
        tap.close()
        private.propagate = True
        logging.getLogger("tap").setLevel(logging.NOTSET)
    logging.getLogger("tap.open").error("afterwards")

    assert seen.messages == ["seen", "root"]


def test_two_taps_close_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever wrapped first can leave first."""
    # What the first one leaves behind passes everything through; later tests want the class as it was.
    monkeypatch.setattr(logging.Logger, "callHandlers", logging.Logger.callHandlers)
    first, second = Seen(), Seen()
    taps = RootTap(first), RootTap(second)
    for tap in taps:
        tap.open()
    taps[0].close()
    logging.getLogger("tap").error("second only")
    taps[1].close()
    logging.getLogger("tap").error("nobody")

    assert (first.messages, second.messages) == ([], ["second only"])


PROGRAM = """
import logging, logging.config, sys
if sys.argv[1] == "ours":
    from opentelemetry.sdk._logs import LoggerProvider
    from otelkit.logs import OtelkitHandler, correlation
    OtelkitHandler(LoggerProvider(shutdown_on_exit=False), "DEBUG").attach()
    correlation.install("svc")
logging.getLogger("a").warning("by the handler of last resort")
logging.getLogger("a").info("not shown")
logging.basicConfig(format="%(levelname)s %(name)s %(message)s", level=logging.INFO)
logging.getLogger("a").info("by basicConfig", extra={"otelTraceID": "mine"})
logging.config.dictConfig({
    "version": 1, "disable_existing_loggers": False,
    "formatters": {"f": {"format": "dict %(message)s"}},
    "handlers": {"h": {"class": "logging.StreamHandler", "formatter": "f"}},
    "root": {"handlers": ["h"], "level": "WARNING"},
})
logging.getLogger("a").warning("by dictConfig")
logging.getLogger("a").info("not shown")
logging.warning("bad %d", "argument")
print(logging.getLogger().handlers, logging.getLogRecordFactory(), file=sys.stderr)
"""


def _lines(who: str) -> list[str]:
    run = subprocess.run([sys.executable, "-c", PROGRAM, who], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    # Frames of the traceback that logging prints for the bad argument differ by ours.
    return [line for line in run.stderr.splitlines() if not line.startswith(" ")]


def test_a_program_logs_exactly_as_without_us() -> None:
    """Last resort, `basicConfig`, `dictConfig`, levels, formats and messages for mistakes: all as Python has them."""
    plain = _lines("plain")

    assert "by the handler of last resort" in plain
    assert "INFO a by basicConfig" in plain
    assert "dict by dictConfig" in plain
    assert _lines("ours") == plain
