"""Bucket boundaries of histograms."""

from __future__ import annotations

from typing import Final

DURATION_BOUNDARIES_S: Final = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0),
)
"""Upper bounds in seconds: a stage may take a fraction of a millisecond or an hour."""

VALUE_BOUNDARIES: Final = (
    *(0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0, 10000.0),
)
"""OpenTelemetry's own default, for what is not in seconds."""
