"""The exit codes of the ``otelkit`` program, and the one place that turns an error into one of them.

==== =====================================================================================
code meaning
==== =====================================================================================
0    all well
1    it failed, or something was found (`doctor`, `diff`)
2    it was called wrongly: an unknown command or option, a setting that can't be used
3    there is no such run or trace, or nothing has been stored yet
130  interrupted with Ctrl-C
==== =====================================================================================

``otelkit run`` exits as the program it runs did.
"""

from __future__ import annotations

from typing import Final

from otelkit.errors import OtelkitError, SettingsError, TargetError

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
NOT_FOUND: Final = 3
INTERRUPTED: Final = 130


class NotFoundError(OtelkitError, LookupError):
    """What a command was asked to show does not exist. The program ends with 3."""


def exit_code_of(error: OtelkitError) -> int:
    """Return the exit code for an error that a command let through."""
    if isinstance(error, NotFoundError):
        return NOT_FOUND
    return USAGE if isinstance(error, SettingsError | TargetError) else FAILED
