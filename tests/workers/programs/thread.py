"""A ``threading.Thread`` for each piece of work."""

from __future__ import annotations

import threading
from typing import Any

import steps
from columns import Work, columns_of, main, submit
from truth import Ids


def in_thread(work: Work, parent: Ids) -> Any:
    answers: list[Any] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(work(parent))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    for error in errors:
        raise error
    return answers[0]


def begun(work: Work, parent: Ids) -> None:
    """Start a thread that the end of the program will find at work."""
    threading.Thread(target=work, args=(parent,), daemon=True).start()
    steps.begun.wait(60)


def stop(run: Ids) -> None:
    """``sys.exit(0)`` in a thread, and a daemon thread that never ends."""
    submit(run, in_thread, steps.leaves, SystemExit)
    submit(run, begun, steps.never_ends)


if __name__ == "__main__":
    main(columns_of(in_thread, stop))
