"""What tests of this folder share: real servers, and the check that every account balances."""

from __future__ import annotations

from tests.accounts import every_account_balances
from tests.backends.fixtures import prometheus

__all__ = ["every_account_balances", "prometheus"]
