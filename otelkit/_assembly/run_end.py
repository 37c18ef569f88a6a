"""The end of a run, told by the process that began it."""

from __future__ import annotations

from collections.abc import Iterator

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from otelkit import names
from otelkit._clock import SYSTEM_CLOCK, Clock
from otelkit._guard import in_forked_child


class RunEnd:
    """A gauge that has no value until the run ends, and then the time of the collection: the last that the process makes.

    Args:
        clock: Its wall clock dates the end.
    """

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._ended = False
        in_forked_child(self._in_child)

    def bind(self, meter: Meter) -> None:
        """Report to this meter from now on."""
        key = names.METRIC_RUN_ENDED
        meter.create_observable_gauge(key, [self._observe], "s", names.meaning_of(key))

    def tell(self) -> None:
        """Let the next collection say that the run has ended. To be called in the process that began it, and no other."""
        self._ended = True

    def _observe(self, _options: CallbackOptions) -> Iterator[Observation]:
        if self._ended:
            yield Observation(self._clock.now_ns() / 1e9)

    def _in_child(self) -> None:
        self._ended = False
