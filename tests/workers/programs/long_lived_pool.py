"""One ``ThreadPoolExecutor`` that outlives several runs, its threads having begun in the first of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import steps
from columns import Work, columns_of, main, submit
from truth import Ids

pool = ThreadPoolExecutor(1)


def in_pool(work: Work, parent: Ids) -> Any:
    return pool.submit(work, parent).result()


def stop(run: Ids) -> None:
    """A task that ends by ``sys.exit(0)``; the thread lives on and takes the next one."""
    submit(run, in_pool, steps.leaves, SystemExit)
    submit(run, in_pool, steps.plain)


if __name__ == "__main__":
    main(columns_of(in_pool, stop))
