"""OpenTelemetry's own logging handler beside us, at the end of the program."""

from __future__ import annotations

import logging

import pytest
from opentelemetry.instrumentation.logging.handler import LoggingHandler

from otelkit.logs.stock_handler import flush_no_more, is_stock


class Thread:
    """Cannot be started, as no thread can at the end of Python 3.12."""

    def __init__(self, target: object) -> None:
        del target

    def start(self) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")


def test_the_last_flush_of_the_stock_handler_starts_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """`logging` flushes all handlers when threads can't be started any more; other handlers are left alone."""
    stock, other = LoggingHandler(), logging.NullHandler()
    monkeypatch.setattr(logging.getLogger(), "handlers", [stock, other])
    monkeypatch.setattr("opentelemetry.instrumentation.logging.handler.threading.Thread", Thread)
    stock._logger_provider.force_flush = lambda: True  # it has a provider with something to flush
    with pytest.raises(RuntimeError):
        stock.flush()
    flush_no_more()
    stock.flush()

    assert is_stock(stock)
    assert "flush" not in vars(other)
