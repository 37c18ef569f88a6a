"""What ``otelkit --help`` prints. Written without Click, which takes longer to import than all of this takes to run."""

from __future__ import annotations

from collections.abc import Sequence

from otelkit.model.commands import CommandSpec

_HEAD = """\
Usage: otelkit [OPTIONS] COMMAND [ARGS]...

  otelkit makes a Python data pipeline explain itself.

  See it work:         otelkit demo
  On your program:     otelkit run python app.py
  Something is wrong:  otelkit doctor

Options:
  --version   Show the version and exit.
  -h, --help  Show this message and exit.
"""


def overview(own: Sequence[CommandSpec], plugged_in: Sequence[tuple[str, CommandSpec]] = ()) -> str:
    """Return the program's help.

    Args:
        own: otelkit's commands, in the order in which they are listed.
        plugged_in: (plugin, command) pairs from installed plugins.
    """
    width = max((len(spec.name) for spec in (*own, *(spec for _, spec in plugged_in))), default=0)
    lines = [_HEAD, "Commands:"]
    lines += [_line(spec, width) for spec in own]
    if plugged_in:
        lines += ["", "Commands from plugins:"]
        lines += [f"{_line(spec, width)} [{plugin}]" for plugin, spec in plugged_in]
    return "\n".join(lines)


def _line(spec: CommandSpec, width: int) -> str:
    # A stranger's text may have several lines; the overview has one for each command.
    return f"  {spec.name:<{width}}  {' '.join(spec.help.split())[:100]}"
