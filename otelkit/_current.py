"""The one global: what is installed in this process.

Only ``_assembly.install`` writes it. Decorated functions read it once per call; ``None`` means "pass through".
"""

from __future__ import annotations

from otelkit.model.runtime import StageRuntime

runtime: StageRuntime | None = None
