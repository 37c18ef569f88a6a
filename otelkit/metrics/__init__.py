"""Instruments built from declared specs; rate, errors and duration of every stage call."""
