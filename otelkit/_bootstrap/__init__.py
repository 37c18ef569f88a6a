"""How `opentelemetry-instrument` starts us: distro, configurator, flags, samplers, exporters."""
