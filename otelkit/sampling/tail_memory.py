"""What `otelkit_tail` has learnt, kept over a restart."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from otelkit._clock import SYSTEM_CLOCK, Clock
from otelkit._guard import in_forked_child
from otelkit.model.traces import Retention
from otelkit.sampling.judgement import Judge
from otelkit.sampling.state_file import read_state, write_state
from otelkit.sampling.tail import OtelkitTail
from otelkit.sampling.trace_buffer import BufferLimits

_log = logging.getLogger("otelkit.sampling")

NAME: Final = "otelkit_tail"


class RememberingTail(OtelkitTail):
    """The same, with a judge that goes on from what was learnt before: what is slow, and what was seen lately.

    Implements `model.sampling.LearningSampler`. A forked child writes nothing: the file is the parent's, who has seen more.

    Args:
        judge: Knows nothing yet.
        limits: Of what is held.
        path: Where it is remembered; need not exist. What is there and can't be used is named in the log and replaced.
        retention: Sees all traces; None: nobody does.
        clock: Says how long they are held.
    """

    def __init__(
        self,
        judge: Judge,
        limits: BufferLimits,
        path: Path,
        *,
        retention: Retention | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        super().__init__(judge, limits, retention=retention, clock=clock)
        self._judge = judge
        self._path: Path | None = path
        learnt = read_state(path, NAME)
        if learnt is not None:
            try:
                judge.remember(learnt)
            except (ValueError, TypeError, KeyError, OverflowError) as error:
                _log.error(
                    "sampling_state_path names %s, in which the part of %s can't be used (%s: %s). It learns anew, and "
                    "replaces that at the end.", path, NAME, type(error).__name__, error,
                )  # fmt: skip
        in_forked_child(self._in_child)

    def close(self) -> None:
        """Write down what was learnt. Never raises."""
        if self._path is not None:
            write_state(self._path, NAME, self._judge.learnt())

    def _in_child(self) -> None:
        self._path = None
