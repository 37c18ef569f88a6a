"""Threads that take no signals."""

from __future__ import annotations

import signal
import threading
from functools import partial
from random import Random

from otelkit._threads import signals_left_alone, start
from tests.waiting import wait_until


def test_a_thread_of_ours_takes_no_signals() -> None:
    """All are blocked in it but those that tell of a fault of its own; the thread that starts it is as it was."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    blocked: list[set[int]] = []
    thread = threading.Thread(target=lambda: blocked.append(set(signal.pthread_sigmask(signal.SIG_BLOCK, ()))))
    start(thread)
    thread.join()

    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
    assert {signal.SIGTERM, signal.SIGINT, signal.SIGCONT, signal.SIGUSR1, signal.SIGPROF} <= blocked[0]
    assert signal.SIGSEGV not in blocked[0]


def test_a_signal_that_comes_meanwhile_is_handled_afterwards() -> None:
    """By the thread that starts the other one, as ever."""
    seen: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(number))
    try:
        with signals_left_alone():
            signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
            assert seen == []
        assert seen == [signal.SIGUSR1]
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_handler_that_raises_while_a_thread_starts_leaves_the_signals_as_they_were() -> None:
    """And no second thread is started: the first is noted before it starts, or not at all."""
    random = Random(1)
    held: list[threading.Thread | None] = []
    interrupted = 0

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        for _ in range(300):
            thread = threading.Thread(target=int, daemon=True)
            held.clear()
            try:
                signal.setitimer(signal.ITIMER_REAL, random.uniform(5e-6, 2e-4))
                start(thread, held.append)
            except KeyboardInterrupt:
                interrupted += 1
                if held and held[-1] is thread:
                    # It may have been made and not have run yet.
                    wait_until(partial(getattr, thread, "ident"))
                elif held:
                    assert thread.ident is None
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == mask
    except KeyboardInterrupt:  # one that came after the start
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == mask
