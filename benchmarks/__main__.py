"""``python -m benchmarks [--quick | --record] [--output-dir DIR] [NAME…]``.

Exit codes: 0 measured (whether or not a goal was reached: that depends on the machine), 1 a benchmark could not be measured
or a ratio is more than 15 % worse than the recorded one, 2 wrong arguments.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.catalogue import BENCHMARKS, Unavailable, load
from benchmarks.recorded import record, worse

PROJECT = Path(__file__).parents[1]


def main(arguments: list[str] | None = None) -> int:
    listing = "\n".join(f"  {name:<18}{what}" for name, what in BENCHMARKS.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure what otelkit costs.",
        epilog=f"benchmarks:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    # No `choices`: argparse would apply them to the empty default as well.
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all of them")
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--quick", action="store_true", help="fewer and smaller rounds, for a look; not compared with the reference"
    )
    how.add_argument(
        "--record", action="store_true", help="make what is measured now the reference, in benchmarks/recorded.json"
    )
    parser.add_argument(
        "--output-dir", type=Path, default=PROJECT / ".cache" / "bench", metavar="DIR", help="for the JSON files"
    )
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in BENCHMARKS]:
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    names = options.names or list(BENCHMARKS)
    if len(names) == 1:
        return measure(names[0], options.output_dir, quick=options.quick, as_reference=options.record)
    # Each in a process of its own: what one has installed or patched must not weigh on the next.
    flags = [f"--{flag}" for flag in ("quick", "record") if getattr(options, flag)]
    shared = ["--output-dir", str(options.output_dir.resolve()), *flags]
    codes = [subprocess.call([sys.executable, "-m", "benchmarks", *shared, name], cwd=PROJECT) for name in names]
    return 1 if any(codes) else 0


def measure(name: str, folder: Path, *, quick: bool = False, as_reference: bool = False) -> int:
    """Run one benchmark in this process, print its table, write its JSON, and compare it; return the exit code."""
    began = time.monotonic()
    try:
        report = load(name).measure(quick)
    except Unavailable as error:
        print(f"{name} left out: {error}\n", file=sys.stderr)
        return 1
    path = report.write(folder)
    print(f"{report.text()}\n\n{time.monotonic() - began:.0f} s; every turn in {path}\n", flush=True)
    if as_reference:
        record(report)
    if quick or as_reference:
        return 0
    regressions, doubts = worse(report)
    if lines := [*regressions, *doubts]:
        print("\n".join(["beside the recorded ratios:", *lines]), end="\n\n", flush=True)
    return 1 if regressions else 0


if __name__ == "__main__":
    sys.exit(main())
