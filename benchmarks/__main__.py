"""``python -m benchmarks [--quick] [--output-dir DIR] [NAME…]``.

Exit codes: 0 measured (whether or not a goal was reached: that depends on the machine), 1 a benchmark could not be measured,
2 wrong arguments.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from benchmarks.catalogue import BENCHMARKS, Unavailable, load

DEFAULT_FOLDER = Path(__file__).parents[1] / ".cache" / "bench"


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
    parser.add_argument("--output-dir", type=Path, default=DEFAULT_FOLDER, metavar="DIR", help="for the JSON files")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in BENCHMARKS]:
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    failed = 0
    for name in options.names or BENCHMARKS:
        began = time.monotonic()
        try:
            report = load(name).measure(options.quick)
        except Unavailable as error:
            print(f"{name} left out: {error}\n", file=sys.stderr)
            failed += 1
            continue
        path = report.write(options.output_dir)
        print(f"{report.text()}\n\n{time.monotonic() - began:.0f} s; every turn in {path}\n", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
