"""Programs and receivers that are killed in the middle of their work."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from tests.drills.chances import LONG, rounds
from tests.drills.programs import ended, items, spooled_spans, start
from tests.drills.receiver import receiver, taken
from tests.otlp_server import OtlpServer

ENDLESS = """
    import account, itertools, os, otelkit

    @otelkit.stage("load", item="name")
    def load(name):
        return name

    sealed = os.open("sealed", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    print("started", flush=True)
    for number in itertools.count():
        load(f"item-{number:06}")
        if number % 50 == 49 and otelkit.flush():
            os.pwrite(sealed, f"{number:06}".encode(), 0)
"""

PACED = """
    import account, otelkit, sys, threading

    @otelkit.stage("load", item="name")
    def load(name):
        return name

    print("started", flush=True)
    pause = threading.Event()
    for number in range(int(sys.argv[1])):
        load(f"item-{number:06}")
        if number % 5 == 0:
            pause.wait(0.005)
"""


def test_a_killed_program_has_delivered_what_it_flushed(tmp_path: Path, server: OtlpServer) -> None:
    """After ``kill -9`` at any moment, all that a successful flush was told of has arrived, and nothing twice."""
    promised_at_all = 0
    for number, chance in enumerate(rounds(short=3)):
        folder = tmp_path / str(number)
        folder.mkdir()
        server.requests.clear()
        process = start(folder, ENDLESS, server.url)
        assert process.stdout is not None
        process.stdout.readline()
        threading.Event().wait(chance.uniform(0.05, 0.6))
        process.kill()
        done = ended(folder, process)

        assert done.code == -signal.SIGKILL
        sealed = (folder / "sealed").read_text()
        arrived = items(span.raw for span in server.spans) + items(spooled_spans(folder))
        assert set(arrived.values()) <= {1}, "an item is in two places"
        promised = {f"item-{item:06}" for item in range(int(sealed) + 1)} if sealed else set()
        assert promised - set(arrived) == set(), "an item that was flushed is not there"
        promised_at_all += len(promised)
    assert promised_at_all > 0


def test_a_receiver_may_be_killed_at_any_moment(tmp_path: Path) -> None:
    """Killed and started anew again and again, it has in the end what the program made, or the spool has, or it is counted.

    A second time comes only what a receiver took and could not answer for: that much the protocol leaves open.
    """
    for number, chance in enumerate(rounds(short=1)):
        folder = tmp_path / str(number)
        folder.mkdir()
        count = 4000 if LONG else 1500
        with ExitStack() as running:
            one, port = running.enter_context(receiver(folder / "taken"))
            process = start(folder, PACED, f"http://127.0.0.1:{port}", str(count))
            assert process.stdout is not None
            process.stdout.readline()
            while process.poll() is None:
                threading.Event().wait(chance.uniform(0.02, 0.5))
                one.kill()
                one.wait()
                threading.Event().wait(chance.uniform(0.0, 0.3))
                one, _ = running.enter_context(receiver(folder / "taken", port))
            done = ended(folder, process)

        assert done.code == 0, done.stderr
        done.spans.check()
        sent = list(taken(folder / "taken"))
        answered = sum((items(one.spans) for one in sent if one.answered), Counter[str]())
        open_ = sum((items(one.spans) for one in sent if not one.answered), Counter[str]())
        spooled = items(spooled_spans(folder))
        made = {f"item-{item:06}" for item in range(count)}
        lost = sum(done.spans.lost.values())
        assert done.spans.created == count
        assert set((answered + spooled).values()) <= {1}, "what was answered for was sent or kept again"
        assert set(answered) | set(spooled) | set(open_) <= made
        assert len(made - set(answered) - set(spooled) - set(open_)) <= lost, "an item is gone and was not counted"
        assert sum(spooled.values()) == done.spans.spooled


def test_a_receiver_that_comes_late_gets_everything(tmp_path: Path) -> None:
    """A program that starts while nobody listens delivers, or keeps, each item once."""
    with receiver(tmp_path / "first") as (_, port):
        pass
    for number, chance in enumerate(rounds(short=1)):
        folder = tmp_path / str(number)
        folder.mkdir()
        process = start(folder, PACED, f"http://127.0.0.1:{port}", "300")
        assert process.stdout is not None
        process.stdout.readline()
        threading.Event().wait(chance.uniform(0.0, 0.5))
        with receiver(folder / "taken", port):
            done = ended(folder, process)

        assert done.code == 0, done.stderr
        done.spans.check()
        assert done.spans.lost == {}
        everywhere = items(spooled_spans(folder))
        for request in taken(folder / "taken") if (folder / "taken").exists() else ():
            everywhere += items(request.spans)
        assert everywhere == Counter(f"item-{item:06}" for item in range(300))


def test_a_receiver_that_hangs_does_not_hold_the_end_up(tmp_path: Path) -> None:
    """A receiver that stops answering while the program ends costs it the exit limit, and the spool has what is left."""
    with receiver(tmp_path / "taken") as (process, port):
        program = start(tmp_path, PACED, f"http://127.0.0.1:{port}", "200", OTEL_PYTHON_OTELKIT_EXPORT_DELAY_S="30")
        assert program.stdout is not None
        program.stdout.readline()
        process.send_signal(signal.SIGSTOP)  # the system still takes connections for it
        # The time-out of one request is 10 s, and there are three signals.
        done = ended(tmp_path, program, timeout_s=9)
        process.send_signal(signal.SIGCONT)

    assert done.code == 0
    done.spans.check()
    assert done.spans.created == 200
    assert sum(items(spooled_spans(tmp_path)).values()) == done.spans.spooled
