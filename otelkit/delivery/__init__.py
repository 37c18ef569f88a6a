"""How telemetry leaves the process: exporters that account for every item, and the spool on disk."""
