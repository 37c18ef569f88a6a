"""The pool of worker processes: how a worker starts, and how files are handed to it."""

import logging
import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path

from steps import Facts, analyse

AHEAD = 4


def start_worker() -> None:
    """Prepare this worker process."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    # About the code that is being parsed, which is not ours to mend.
    warnings.simplefilter("ignore")
    # Ctrl-C reaches the whole process group; the program decides what becomes of its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_program, name="parent-watch", daemon=True).start()


def _end_with_the_program() -> None:
    """End this worker when the program was killed: nobody is left to send it work or to stop it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def analysed(pool: ProcessPoolExecutor, paths: Iterable[Path], workers: int) -> Iterator[tuple[Path, Future[Facts]]]:
    """Yield each file with its ended call, as they end; takes the next path only when there is room in the pool.

    At most ``workers * AHEAD`` calls are outstanding, however many files there are.
    """
    running: dict[Future[Facts], Path] = {}
    for path in paths:
        running[pool.submit(analyse, path)] = path
        if len(running) >= workers * AHEAD:
            yield from _ended(running)
    while running:
        yield from _ended(running)


def _ended(running: dict[Future[Facts], Path]) -> Iterator[tuple[Path, Future[Facts]]]:
    for call in wait(running, return_when=FIRST_COMPLETED).done:
        yield running.pop(call), call
