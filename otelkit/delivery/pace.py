"""When to try again after an attempt failed."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from otelkit.delivery.circuit import Circuit, loopback_address
from otelkit.delivery.transport import Contact, Later


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait between attempts, in seconds."""

    first_s: float = 0.25
    """After the first failure; doubled after each further one."""
    longest_s: float = 30.0
    """At most. What a receiver asks for is waited for, however long."""
    young_s: float = 5.0
    """How long a failure may last before what waits is spooled."""
    local_s: float = 2.0
    """Longest time between attempts on a port of this machine on which nothing listens: looking costs next to nothing."""


class Pace:
    """Spaces attempts out: twice as long after each failure, as long as a receiver asks for, and at random within that.

    Used by the thread that sends; reading from another one may be late by one attempt.

    Args:
        endpoint: URL; None: unknown. Whether a host is silent is known to all signals of the process.
        patience: The times.
    """

    def __init__(self, endpoint: str | None, patience: Patience) -> None:
        self._circuit = Circuit(endpoint)
        self._is_local = loopback_address(endpoint) is not None
        self._patience = patience
        self._in_a_row = 0
        self.failing_since: float | None = None
        """`time.monotonic` of the first of the failures in a row; None: the last attempt went well, or there was none."""
        self.proven = False
        """Whether the last attempt went well."""
        self.lasting = False
        """Whether the failure will last so long that waiting for its end in memory makes no sense."""
        self.asked = False
        """Whether the receiver has asked us to come again after some time, and so is there."""
        self.why: str | None = None
        """Why the last attempt failed; None: nothing listens."""

    @property
    def try_again_at(self) -> float:
        """Return when the next attempt is due, in `time.monotonic` seconds; in the past: now."""
        return self._circuit.try_again_at

    @property
    def spool_at(self) -> float:
        """Return when the failure is no longer young, in `time.monotonic` seconds; infinity while all is well."""
        if self.failing_since is None:
            return self.try_again_at if self._circuit.open() else float("inf")
        return 0.0 if self.lasting else self.failing_since + self._patience.young_s

    def success(self) -> None:
        """An attempt went well."""
        self._circuit.success()
        self._in_a_row = 0
        self.failing_since = None
        self.lasting = self.asked = False
        self.proven = True

    def failure(self, answer: Later) -> None:
        """An attempt failed."""
        now = time.monotonic()
        patience = self._patience
        nobody = answer.contact is Contact.REFUSED and self._is_local
        longest_s = patience.local_s if nobody else patience.longest_s
        # An exponent without bound would be a number without bound.
        delay_s = min(longest_s, patience.first_s * 2 ** min(self._in_a_row, 20)) * random.uniform(0.7, 1.0)
        if answer.after_s is not None:
            # Some more, so that not everybody who was sent away comes back at once.
            delay_s = max(delay_s, answer.after_s * random.uniform(1.0, 1.1))
        self._circuit.failure(silent=answer.contact is Contact.SILENT, try_again_s=delay_s)
        self._in_a_row += 1
        self.failing_since = now if self.failing_since is None else self.failing_since
        self.lasting = nobody or delay_s > patience.young_s
        self.asked = answer.after_s is not None
        self.why = None if nobody else answer.why
        self.proven = False
