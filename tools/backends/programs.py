"""The backends that otelkit is tested against: which Go module each is built from, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Backend:
    """What one build makes."""

    module: str
    """Folder of the committed Go module, from the root of the repository; its ``go.sum`` pins every source by hash."""
    programs: Mapping[str, str]
    """Name of each program → the package that it is built from."""
    tags: str = ""
    """Go's build tags, comma-separated."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Go variables that the linker sets, such as the version that a program tells."""


BACKENDS: Final[Mapping[str, Backend]] = {
    "collector": Backend("collector/distribution", {"otelkit-collector": "."}, tags="grpcnotrace"),
    "prometheus": Backend(
        "tools/backends/prometheus",
        {
            "prometheus": "github.com/prometheus/prometheus/cmd/prometheus",
            "promtool": "github.com/prometheus/prometheus/cmd/promtool",
        },
        # The module v0.315.0 is Prometheus 3.15.0; a release gets its number from the linker, too.
        variables={"github.com/prometheus/common/version.Version": "3.15.0"},
    ),
}
