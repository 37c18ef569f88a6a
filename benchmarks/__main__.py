"""``python -m benchmarks [--quick] [--output-dir DIR] [NAME…]``.

Exit codes: 0 measured (whether or not a goal was reached: that depends on the machine), 1 a benchmark could not be measured,
2 wrong arguments.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.catalogue import BENCHMARKS, Unavailable, load

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
    parser.add_argument("--quick", action="store_true", help="fewer and smaller rounds, for a look")
    parser.add_argument(
        "--output-dir", type=Path, default=PROJECT / ".cache" / "bench", metavar="DIR", help="for the JSON files"
    )
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in BENCHMARKS]:
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    names = options.names or list(BENCHMARKS)
    if len(names) == 1:
        return measure(names[0], options.quick, options.output_dir)
    # Each in a process of its own: what one has installed or patched must not weigh on the next.
    shared = ["--output-dir", str(options.output_dir.resolve()), *(["--quick"] if options.quick else [])]
    codes = [subprocess.call([sys.executable, "-m", "benchmarks", *shared, name], cwd=PROJECT) for name in names]
    return 1 if any(codes) else 0


def measure(name: str, quick: bool, folder: Path) -> int:
    """Run one benchmark in this process, print its table and write its JSON; return the exit code."""
    began = time.monotonic()
    try:
        report = load(name).measure(quick)
    except Unavailable as error:
        print(f"{name} left out: {error}\n", file=sys.stderr)
        return 1
    path = report.write(folder)
    print(f"{report.text()}\n\n{time.monotonic() - began:.0f} s; every turn in {path}\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
