"""The account of telemetry: what was created, delivered, lost and why."""
