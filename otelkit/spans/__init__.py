"""The path of a span: from its end through the chain of steps to the exporters."""
