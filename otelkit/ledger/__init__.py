"""The account of telemetry: what was created, delivered, lost and why."""

from otelkit.ledger.counts import Counts
from otelkit.ledger.ledger import Ledger

__all__ = ["Counts", "Ledger"]
