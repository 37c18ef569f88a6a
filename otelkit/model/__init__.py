"""Facts and protocols: what the floors above exchange. No I/O, and SDK types only for type checkers."""
