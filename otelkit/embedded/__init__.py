"""The default without any server: OTLP receiver, wire parser, SQLite store and spool."""
