"""Checks of our own health, for `otelkit doctor`."""
