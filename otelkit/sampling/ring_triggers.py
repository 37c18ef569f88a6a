"""What makes the `Ring` send what it holds: an error of a certain class, a signal, or somebody's request."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any, Final, Protocol

from otelkit.model.traces import TraceSummary

_log = logging.getLogger("otelkit.sampling")


class RingTrigger(Protocol):
    """Asked about once a second, by one thread at a time."""

    @property
    def description(self) -> str:
        """Why, for people."""

    def joined(self) -> None:
        """Begin: spans will come. What is only planned never begins."""

    def see_failed(self, trace: TraceSummary) -> None:
        """Look at a failed fragment that was judged."""

    def asks(self) -> bool:
        """Return whether what is held is to be sent now; asked once for each time."""

    def answered(self, traces: int, spans: int) -> None:
        """Learn what was sent."""

    def in_child(self) -> None:
        """Start anew in a forked child."""


class ErrorTrigger:
    """Asks when a trace fails with an error of one of these classes.

    Args:
        error_types: Qualified names, as in `error.type`: ``ValueError``, ``json.decoder.JSONDecodeError``. A name without a
            module stands for the class of that name in any module.
    """

    def __init__(self, error_types: Iterable[str]) -> None:
        self._wanted = frozenset(error_types)
        self._seen: str | None = None
        self.description = ""

    def joined(self) -> None:
        """Do nothing: there is nothing to begin."""

    def see_failed(self, trace: TraceSummary) -> None:
        """Look for the error among those of the fragment."""
        for fingerprint in trace.fingerprints:
            error = fingerprint.error_type
            if error in self._wanted or error.rpartition(".")[2] in self._wanted:
                self._seen = error

    def asks(self) -> bool:
        """Return whether one was seen since this was last asked."""
        seen, self._seen = self._seen, None
        if seen is not None:
            self.description = f"a trace failed with {seen}"
        return seen is not None

    def answered(self, traces: int, spans: int) -> None:
        """Do nothing: who wanted it looks at the traces."""

    def in_child(self) -> None:
        """Forget an error of the parent's."""
        self._seen = None


class SignalTrigger:
    """Asks when the process gets a signal.

    A handler that the program had set before is called as well; one that it sets later takes the signal away from us. Children
    that are forked inherit it. It has to be `joined` by the main thread, since no other one may handle signals.

    Args:
        name: ``SIGUSR1`` …

    Raises:
        ValueError: There is no such signal here.
    """

    def __init__(self, name: str) -> None:
        number = getattr(signal, name, None)
        if not isinstance(number, signal.Signals):
            raise ValueError(f"there is no signal {name} here")
        self.description: Final = f"{name} was received"
        self._number = number
        self._before: Callable[[int, FrameType | None], Any] | None = None  # Any: what handlers return means nothing
        self._received = 0
        self._answered = 0

    def joined(self) -> None:
        """Handle the signal from now on."""
        if threading.current_thread() is not threading.main_thread():
            _log.warning(
                "sampling_keep_signal does nothing: otelkit is set up in another thread than the main one, which alone may "
                "handle %s. Set it up in the main thread, or use `otelkit keep`.", self._number.name,
            )  # fmt: skip
            return
        before = signal.getsignal(self._number)
        if before != self._on_signal:
            self._before = before if callable(before) else None
            signal.signal(self._number, self._on_signal)

    def see_failed(self, trace: TraceSummary) -> None:
        """Do nothing: traces do not matter."""

    def asks(self) -> bool:
        """Return whether the signal came since this was last asked."""
        received = self._received
        asks, self._answered = received != self._answered, received
        return asks

    def answered(self, traces: int, spans: int) -> None:
        """Do nothing: a signal has no sender that could be told."""

    def in_child(self) -> None:
        """Forget a signal of the parent's."""
        self._answered = self._received

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._received += 1
        if self._before is not None:
            self._before(number, frame)
