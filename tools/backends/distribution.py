"""Write the Go module of otelkit's Collector anew from its manifest, with OpenTelemetry's own builder.

    python3 tools/backends/distribution.py

For whoever changes ``collector/distribution/manifest.yaml``: run it, read the diff, build, run the tests, commit the module.
Builds never call it; they take the module as it is committed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from go import environment
from programs import BACKENDS

FOLDER: Final = Path(__file__).resolve().parents[2] / BACKENDS["collector"].module
BUILDER: Final = "go.opentelemetry.io/collector/cmd/builder@v0.157.0"
UNLISTED: Final = "go.opentelemetry.io/ebpf-profiler"
"""Not in the public checksum database at the version that can be had; from then on ``go.sum`` pins it as everything else."""


def main() -> int:
    """Write the module; return the exit code."""
    with tempfile.TemporaryDirectory() as programs:
        install = ["go", "install", BUILDER]
        subprocess.run(install, env=environment(GOBIN=programs), check=True)
        (FOLDER / "go.sum").unlink(missing_ok=True)
        # The builder ends with `go mod download`, which also wants modules for Windows that no proxy has, and fails after
        # everything is written. So what it says is shown, and what counts is whether the module is whole for this system.
        subprocess.run(
            [f"{programs}/builder", "--skip-compilation", "--config", "manifest.yaml"],
            cwd=FOLDER,
            env=environment(GONOSUMDB=UNLISTED),
            check=False,
        )
    whole = subprocess.run(
        ["go", "list", "-mod=readonly", "-deps", "-tags", BACKENDS["collector"].tags, "."],
        cwd=FOLDER,
        env=environment(),
        stdout=subprocess.DEVNULL,
        check=False,
    )
    if whole.returncode != 0:
        print("the module is not whole: see above for what could not be found", file=sys.stderr)
        return 1
    print(f"wrote {FOLDER}; `python3 tools/backends/build.py collector` builds it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
