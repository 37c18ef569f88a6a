"""The ``otelkit`` program."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code (see ``exits.py``).

    Args:
        arguments: What was typed after ``otelkit``; None: this process's.
    """
    typed = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _answer(typed)
    except KeyboardInterrupt:
        # Before the command could take care of it itself: ends us without a word, and a shell's loop around us too.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.raise_signal(signal.SIGINT)
        raise


def _answer(typed: list[str]) -> int:
    # Imported here, where Ctrl-C is seen to, though they are light.
    from otelkit._builtin.command_list import COMMANDS
    from otelkit._cli.overview import overview
    from otelkit._cli.plugged_in import plugin_commands
    from otelkit._version import __version__

    # Answered without Click, which alone takes longer to import than a person notices.
    if typed in (["--help"], ["-h"]):
        print(overview(COMMANDS, plugin_commands()))
        return 0
    if typed == ["--version"]:
        print(f"otelkit {__version__}")
        return 0
    from otelkit._cli.group import run

    return run(typed)


if __name__ == "__main__":
    sys.exit(main())
