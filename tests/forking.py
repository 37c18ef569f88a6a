"""Run something in a forked child and look at what it found."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any


def in_child(do: Callable[[], Any], timeout_s: float = 30.0) -> Any:
    """Fork, run ``do`` in the child, and return what it returned (JSON); fail the test if it raised or hung.

    The child ends by ``os._exit``, as multiprocessing's do: nothing registered with atexit runs.
    """
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 warns about every fork of a process with threads; forking one is the point here.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        answer = b"?"
        try:
            answer = json.dumps({"result": do()}).encode()
        except BaseException as error:
            answer = json.dumps({"error": repr(error)}).encode()
        finally:
            os.write(writing, answer)
            os._exit(0)
    os.close(writing)
    deadline = time.monotonic() + timeout_s
    while os.waitpid(pid, os.WNOHANG)[0] == 0:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise AssertionError(f"the child did not end within {timeout_s} s")
        time.sleep(0.005)
    with os.fdopen(reading, "rb") as stream:
        found = json.loads(stream.read())
    assert "error" not in found, found
    return found["result"]


@contextmanager
def held_by_another_thread(lock: AbstractContextManager[object]) -> Iterator[None]:
    """Have a thread of its own hold ``lock`` inside the block; a child that is forked there has the lock, not the thread."""
    taken, enough = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            taken.set()
            enough.wait(60)

    thread = threading.Thread(target=hold, name="holder", daemon=True)
    thread.start()
    assert taken.wait(10)
    try:
        yield
    finally:
        enough.set()
        thread.join(10)
