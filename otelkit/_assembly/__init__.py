"""Fold settings and plugins into a Blueprint; install it."""
