"""Parse Python files into syntax trees and store what they tell: functions, classes, imports, complexity, depth.

python pipeline.py [FOLDER…] [--workers N] [--limit N] [--db FILE]

Exit codes: 0 done (files that do not parse are reported and counted, they stop nothing), 1 results could not be stored or a
worker died, 2 wrong arguments, 130 interrupted.
"""

import argparse
import logging
import os
import sqlite3
import sys
import sysconfig
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import otelkit
from steps import discover
from workers import analysed, start_worker
from writer import Writer

log = logging.getLogger("pipeline")


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    started = time.perf_counter()
    handled = failed = 0
    code = 0
    writer = Writer(options.db)
    pool = ProcessPoolExecutor(options.workers, initializer=start_worker)
    try:
        with otelkit.run("syntax") as run, writer:
            # A list, because its length is the run's total: without one there is no saying when the run will end.
            paths = run.track(list(discover(options.folders, options.limit)))
            for path, call in analysed(pool, paths, options.workers):
                error = call.exception()
                handled += 1
                if error is None:
                    writer.put(path, call.result())
                elif isinstance(error, BrokenProcessPool):
                    raise error
                else:
                    failed += 1
    except KeyboardInterrupt:
        log.warning("interrupted; what was analysed so far is stored")
        code = 130
    except sqlite3.Error as error:
        log.error("results cannot be stored in %s: %s", options.db, error)
        code = 1
    except BrokenProcessPool as error:
        log.error("a worker process died: %s", error)
        code = 1
    finally:
        pool.shutdown(cancel_futures=True)
    seconds = time.perf_counter() - started
    print(
        f"{handled} files: {writer.stored} stored, {failed} failed; {seconds:.2f} s, {handled / seconds * 60:.0f} files/min"
    )
    return code


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Parse Python files into syntax trees and store what they tell.")
    parser.add_argument(
        "folders", nargs="*", type=folder, metavar="FOLDER", help="default: the standard library, tests included"
    )
    parser.add_argument(
        "--workers", type=count, default=os.cpu_count() or 1, metavar="N", help="processes; default: one per processor"
    )
    parser.add_argument("--limit", type=count, metavar="N", help="stop after this many files")
    parser.add_argument(
        "--db", type=Path, default=Path("syntax.db"), metavar="FILE", help="SQLite database; default: %(default)s"
    )
    options = parser.parse_args(arguments)
    options.folders = options.folders or [Path(sysconfig.get_path("stdlib"))]
    return options


def folder(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is not a folder")
    return path


def count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of at least 1")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
