"""The benchmark of buffered spans weighs spans."""

from __future__ import annotations

import socket
from pathlib import Path

from benchmarks import buffered_memory
from benchmarks.buffered_memory import STOCK, turn


def test_what_waits_is_weighed(tmp_path: Path) -> None:
    """A program that keeps 1,000 bytes a call has 1,000 bytes a span, and a little for the object itself."""
    keep = "kept = []\ncall = lambda path: kept.append(bytes(1000))\n"
    figures = turn(buffered_memory._FRAME.format(setup=keep), "http://127.0.0.1:9", tmp_path)

    assert 1000 < figures["bytes"] < 1100


def test_the_stock_span_is_held_while_nobody_answers(tmp_path: Path) -> None:
    """The stock processor's span is in memory, none was sent or dropped: more than a kilobyte each."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        program = buffered_memory._FRAME.format(setup=buffered_memory._PROGRAMS[STOCK])

        assert turn(program, f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path)["bytes"] > 1000
