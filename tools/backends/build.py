"""Build the backends that otelkit is tested against, from committed Go modules, into ``.cache/backends``.

    python3 tools/backends/build.py [collector] [prometheus]

Builds what is missing or out of date, all of them if none is named, and prints the folder of each, one a line.
Needs Go (1.26 or newer) and, the first time, a Go module proxy; every source is checked against the module's ``go.sum``.
A second call with nothing changed takes a fraction of a second and no network.
"""

from __future__ import annotations

import fcntl
import hashlib
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from go import environment, read_setting
from programs import BACKENDS, Backend

ROOT: Final = Path(__file__).resolve().parents[2]
CACHE: Final = ROOT / ".cache" / "backends"
_KEY_DIGITS: Final = 16


def main(names: list[str]) -> int:
    """Build the backends with these names, all without any; return the exit code."""
    if unknown := [name for name in names if name not in BACKENDS]:
        print(f"there is no backend {', '.join(unknown)}; there are {', '.join(BACKENDS)}", file=sys.stderr)
        return 2
    if shutil.which("go") is None:
        print(
            "the backends are built with Go, which is not on the PATH; install 1.26 or newer (https://go.dev/dl)",
            file=sys.stderr,
        )
        return 1
    CACHE.mkdir(parents=True, exist_ok=True)
    for name in names or list(BACKENDS):
        # One build at a time, whoever starts it: two would take twice the memory and no less time.
        with _alone():
            folder = CACHE / f"{name}-{_key(BACKENDS[name])}"
            if not folder.exists() and not _build(name, BACKENDS[name], folder):
                return 1
        print(folder)
    return 0


@contextmanager
def _alone() -> Iterator[None]:
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _key(backend: Backend) -> str:
    """Return what the programs depend on as 16 digits: the module, how it is built, Go's version and the machine's kind."""
    digest = hashlib.sha256()
    for path in (*sorted((ROOT / backend.module).glob("*.go")), *sorted((ROOT / backend.module).glob("go.*"))):
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    for path in ("build.py", "go.py", "programs.py"):
        digest.update(Path(__file__).with_name(path).read_bytes())
    digest.update(read_setting("GOVERSION", "GOOS", "GOARCH").encode())
    return digest.hexdigest()[:_KEY_DIGITS]


def _build(name: str, backend: Backend, folder: Path) -> bool:
    """Build into a folder of its own and move it into place whole; say on stderr what goes on, and whether it went well."""
    print(f"building {name} (minutes, the first time) …", file=sys.stderr, flush=True)
    started, cpu_before_s = time.monotonic(), _cpu_of_children_s()
    unfinished = CACHE / f"{name}-unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    linked = "".join(f" -X {variable}={value}" for variable, value in backend.variables.items())
    for program, package in backend.programs.items():
        command = ["go", "build", "-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags", f"-s -w{linked}"]
        command += ["-tags", backend.tags, "-o", str(unfinished / program), package]
        # Whoever waits for this build wants to work meanwhile.
        done = subprocess.run(["nice", "-n", "10", *command], cwd=ROOT / backend.module, env=environment(), check=False)
        if done.returncode != 0:
            print(
                f"{name}: `go build {package}` failed in {backend.module} (see above). If a module could not be fetched, "
                f"name a proxy that has it by GOPROXY (now: {environment()['GOPROXY']}).",
                file=sys.stderr,
            )
            return False
    for old in CACHE.glob(f"{name}-{'[0-9a-f]' * _KEY_DIGITS}"):
        shutil.rmtree(old)
    unfinished.rename(folder)
    size_mb = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
    print(
        f"built {name} in {time.monotonic() - started:.0f} s, of CPU {_cpu_of_children_s() - cpu_before_s:.0f} s "
        f"({size_mb:.0f} MB)",
        file=sys.stderr,
        flush=True,
    )
    return True


def _cpu_of_children_s() -> float:
    """Return what processes that have ended took of the CPU: the same on a busy machine as on an idle one."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
