"""The version, read by the build and shown by ``otelkit --version``."""

__version__ = "0.1.0"
