"""What the intake needs of the wire parser and of the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class DecodedBatch(Protocol):
    """What the wire parser makes of a request."""

    @property
    def count(self) -> int: ...
    @property
    def rejected(self) -> int: ...
    @property
    def rejected_reason(self) -> str: ...


class Maintained(Protocol):
    """What one slice of the retention did."""

    @property
    def more(self) -> bool:
        """Whether there is more to do at once."""


class StoreWriter(Protocol):
    """What the intake needs of a store. Opened, used and closed on the intake's own thread only."""

    def write(self, batches: Sequence[Any]) -> None:  # Any: what `decode` returned
        """Commit the batches in one transaction."""

    def set_run(
        self,
        run_id: str,
        *,
        name: str | None = None,
        state: str | None = None,
        exit_code: int | None = None,
        started_ns: int | None = None,
        ended_ns: int | None = None,
        command: str | None = None,
    ) -> None:
        """Say what is known of a run besides its telemetry."""

    def maintain(self) -> Maintained:
        """Do one slice of the retention, in the time of about one `write`."""

    def close(self) -> None: ...
