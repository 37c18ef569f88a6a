"""otelkit's own commands, as data, in the order in which ``otelkit --help`` lists them.

Apart from the hook in ``commands.py`` so that the list can be read without importing pluggy.
"""

from __future__ import annotations

from typing import Final

from otelkit.model.commands import CommandSpec

COMMANDS: Final[tuple[CommandSpec, ...]] = (
    CommandSpec("run", "otelkit._cli.run:command", "Run a program and watch its stages live."),
    CommandSpec("demo", "otelkit._cli.demo:command", "Watch a real pipeline: parse the standard library."),
    CommandSpec("up", "otelkit._cli.up:command", "Start the receiver in the background."),
    CommandSpec("down", "otelkit._cli.down:command", "Stop the receiver."),
    CommandSpec("top", "otelkit._cli.top:command", "Watch the stages of a run that is going on."),
    CommandSpec("runs", "otelkit._cli.runs:command", "List runs, or show one run's stages."),
    CommandSpec("trace", "otelkit._cli.trace:command", "Show one trace with its log lines."),
    CommandSpec("keep", "otelkit._cli.keep:command", "Send what the sampler has left out in the last seconds."),
    CommandSpec("diff", "otelkit._cli.diff:command", "Compare two runs, stage by stage."),
    CommandSpec("export", "otelkit._cli.export:command", "Write a run as OTLP JSON lines."),
    CommandSpec("doctor", "otelkit._cli.doctor:command", "Find what is wrong here, and what to do about it."),
    CommandSpec("plan", "otelkit._cli.plan:command", "Show what would be installed: settings, steps, targets."),
    CommandSpec("plugins", "otelkit._cli.plugins:command", "Show what is plugged in, and what failed and why."),
)
