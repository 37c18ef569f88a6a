"""otelkit's own plugins. They are named by string in ``plugin.defaults`` and use the same hooks as strangers."""
