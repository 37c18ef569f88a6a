"""The `otelkit` program."""
