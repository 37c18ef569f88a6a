"""No worker at all: everything in the main thread."""

from __future__ import annotations

import steps
from columns import Work, columns_of, main, submit
from truth import Ids


def directly(work: Work, parent: Ids) -> object:
    return work(parent)


def stop(run: Ids) -> None:
    """Ctrl-C and ``sys.exit(0)`` in the middle of the work."""
    submit(run, directly, steps.interrupted, KeyboardInterrupt)
    submit(run, directly, steps.leaves, SystemExit)


if __name__ == "__main__":
    main(columns_of(directly, stop))
