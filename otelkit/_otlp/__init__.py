"""OTLP's bytes, written without protobuf: what the encoders of spans, log records and metrics have in common."""
