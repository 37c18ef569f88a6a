"""How often a drill is repeated, and with which seeds.

In ``make test`` each drill has a few rounds with seeds that are always the same. In ``make soak`` (``DRILL_SECONDS=…``) it is
repeated for that many seconds with seeds that are not; ``DRILL_SEED=…`` starts with a given one.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Iterator
from typing import Final

SECONDS: Final = float(os.environ.get("DRILL_SECONDS", "0"))
"""For each repeated drill; 0 is the short form."""
LONG: Final = SECONDS > 0

_FIRST: Final = int(os.environ.get("DRILL_SEED", random.SystemRandom().randrange(1 << 32) if LONG else 1))
NAME: Final = f"DRILL_SEED={_FIRST}" + (f" DRILL_SECONDS={SECONDS:g}" if LONG else "")


def rounds(short: int) -> Iterator[random.Random]:
    """Yield a generator of chances for each round of a drill, and print its seed, which pytest shows when the drill fails.

    Args:
        short: Rounds in the short form.
    """
    deadline = time.monotonic() + SECONDS
    number = 0
    while time.monotonic() < deadline if LONG and number else number < short:
        seed = _FIRST + number
        sys.stdout.write(f"DRILL_SEED={seed}\n")
        yield random.Random(seed)
        number += 1
