"""Log records: the ids of the span they belong to, their way out over OTLP, and one JSON schema on demand."""
