"""Threads that take no signals."""

from __future__ import annotations

import signal
import threading

from otelkit._threads import signals_left_alone, start


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
