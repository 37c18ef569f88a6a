"""The name somebody probably meant."""

from __future__ import annotations

import re
from collections.abc import Iterable
from os.path import commonprefix


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like ``name``; None if none is like it.

    Case does not count, and neither does a beginning that all known names share: ``OTEL_PYTHON_OTELKIT_`` alone would make
    any two of our variables look alike.
    """
    # Here, since names are right as a rule.
    import difflib

    by_folded = {candidate.casefold(): candidate for candidate in known}
    # Of one or two names, what they share may be all there is to tell.
    letters = commonprefix(list(by_folded)) if len(by_folded) > 2 else ""  # noqa: RUF071 - names, not paths
    shared = re.sub(r"[^_./:-]*$", "", letters)
    tails = {folded.removeprefix(shared): candidate for folded, candidate in by_folded.items()}
    close = difflib.get_close_matches(name.casefold().removeprefix(shared), tails, n=1)
    return tails[close[0]] if close else None


def hint(name: str, known: Iterable[str]) -> str:
    """Return a sentence for a wrong name: the nearest right one, else all of them."""
    choices = sorted(set(known))
    close = nearest(name, choices)
    if close:
        return f"Did you mean {close}?"
    return f"Known are: {', '.join(choices)}." if choices else "None is installed."
