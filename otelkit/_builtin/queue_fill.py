"""How full the watched queues of this process are."""

from __future__ import annotations

import queue
import sys
from contextlib import suppress

from otelkit.stages.queues import Watched, capacity_of, watched_queues


def fullest_queue() -> float:
    """Return the fill of the fullest watched queue that has a limit, 0 to 1; 0 without any.

    Queues are looked at without their locks: whoever asks may have interrupted somebody who holds one. So only queues of
    `queue`, `asyncio` and `multiprocessing` count, of which it is known how; `queue.SimpleQueue` has no limit.
    """
    return max(map(_fill, watched_queues()), default=0.0)


def _fill(watched: Watched) -> float:
    capacity = capacity_of(watched)
    depth = _depth(watched) if capacity else None
    return min(1.0, depth / capacity) if capacity and depth else 0.0


def _depth(watched: object) -> int | None:
    if isinstance(watched, queue.Queue):
        # Its `qsize` takes its lock; to ask a deque or a list for its length is one step.
        return len(watched.queue)
    asyncio, processes = sys.modules.get("asyncio"), sys.modules.get("multiprocessing.queues")
    if asyncio is not None and isinstance(watched, asyncio.Queue):
        return int(watched.qsize())
    if processes is not None and isinstance(watched, processes.Queue):
        # A semaphore's value, which macOS does not tell, nor anybody of a queue that is closed.
        with suppress(NotImplementedError, OSError, ValueError):
            return int(watched.qsize())
    return None
