"""The other program: does one thing, for whoever started it, and knows of that one only what it is told for the check."""

from __future__ import annotations

import json
import sys
import threading

import steps
from truth import Ids


def do_then_idle(work: object, parent: Ids) -> None:
    """Do something, say so, and wait to be ended from outside."""
    assert callable(work)
    work(parent)
    sys.stdout.write("idle\n")
    sys.stdout.flush()
    threading.Event().wait(600)


if __name__ == "__main__":
    name, told, *more = sys.argv[1:]
    parent = (json.loads(told)[0], json.loads(told)[1])
    if name == "do_then_idle":
        do_then_idle(getattr(steps, more[0]), parent)
    else:
        getattr(steps, name)(*(getattr(steps, each) for each in more), parent)
