"""The embedded store: one SQLite file, one writer, any number of readers."""

from otelkit.embedded.store.paths import default_path
from otelkit.embedded.store.reader import SqliteReader, open_reader
from otelkit.embedded.store.writer import Store

__all__ = ["SqliteReader", "Store", "default_path", "open_reader"]
