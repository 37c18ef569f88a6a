"""Those who see every stage call, sampled or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from otelkit.model.calls import StageCall

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter


class CallObserver:
    """Sees every stage call. Subclass it, give it a ``name``, override what you need.

    `opened` and `closed` run in the user's thread, inside their hot loop: be quick, never block; `settled` does not, and is the
    one to override where it will do. Faults are contained and counted.
    """

    name: str = ""

    def bind(self, meter: Meter, instruments: Mapping[str, object]) -> None:
        """Get the instruments built from the declared `MetricSpec`s, by metric name.

        Called once when installed, and again in a forked child, where the instruments are new.
        """

    def opened(self, call: StageCall) -> None:
        """See a call that starts."""

    def closed(self, call: StageCall) -> None:
        """See a call that has ended: outcome, duration and items are final."""

    def settled(self, calls: Sequence[StageCall]) -> None:
        """See a batch of calls that have ended, in the order of their end; each call once.

        Off the hot path and on one thread at a time: usually otelkit's own, under a burst the one that makes the calls. Before
        metrics are collected everything that has ended is settled.
        """
