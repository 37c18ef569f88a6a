"""What is said of a run when it is over: the stages, what failed, and what to type next."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from otelkit._cli import figures, run_lines
from otelkit._cli.foresight import Foresight
from otelkit._cli.look import BAD, LOOK, QUIET, Signs, line, print_lines, signs_of
from otelkit._cli.stage_table import leaves_items_behind, stage_table
from otelkit._cli.typed_as import program
from otelkit.model.views import RunRow


def print_summary(run: RunRow, console: Console, foresight: Foresight | None = None) -> None:
    """Print the run's stages with exact counts, its failures, its slowest and last failing item, and what was lost.

    Fits the console's width; says with words and signs whatever it says with colour.

    Args:
        run: The run.
        console: Where it is printed.
        foresight: What a sampler would have kept; None: nothing is said of it.
    """
    print_lines(console, summary_lines(run, console.width, signs_of(console.encoding), foresight))


def summary_lines(run: RunRow, width: int, signs: Signs, foresight: Foresight | None = None) -> list[Text]:
    """Return the lines that `print_summary` prints, made for 60 cells and more."""
    table = stage_table(run, width, signs, exact=True)
    block = table.width if table.rows else min(width, 72)
    lines = [run_lines.heading(run, block, signs)]
    progress = run_lines.progress(run, block, signs)
    if progress is not None:
        lines.append(progress)
    lines.append(line())
    if table.rows:
        lines += [table.header, *table.rows]
    else:
        command = f"{program()} doctor"
        lines += run_lines.sentence("no stage has ended a call; ", command, " looks for the cause", width)
    lines.append(line())
    failures = _failures(run)
    if failures is not None:
        lines.append(failures)
    left_behind = _items_left_behind(run)
    if left_behind is not None:
        lines.append(left_behind)
    lines += run_lines.bottleneck(run, width, signs)
    lines += run_lines.long_calls(run, width, signs)
    lines += run_lines.notable(run, width, signs)
    lost = run_lines.lost(run, block, signs)
    if lost is not None:
        lines.append(lost)
    if foresight is not None:
        lines += run_lines.labelled("sampling", foresight.sentence, width, signs)
    lines += run_lines.to_type(f"{program()} runs {run_lines.short_id(run.id)}", width, label="again")
    return lines


def _items_left_behind(run: RunRow) -> Text | None:
    """Return what became of items inside of calls that succeeded: no count of calls shows it."""
    stages = [stage for stage in run.stages if leaves_items_behind(stage)]
    if not stages:
        return None
    worst = max(stages, key=lambda stage: (stage.items_failed, stage.items_skipped))
    counts = ((worst.items_failed, "failed"), (worst.items_skipped, "skipped"))
    what = " and ".join(f"{figures.exact(count)} {word}" for count, word in counts if count)
    others = f" (and {figures.plural(len(stages) - 1, 'other stage')})" if len(stages) > 1 else ""
    text = f"{what} of {figures.plural(worst.items, 'item')} of {worst.name}{others}"
    return line((f"{'items':<13}", QUIET), (text, BAD if worst.items_failed else LOOK))


def _failures(run: RunRow) -> Text | None:
    failing = [stage for stage in run.stages if stage.failed]
    if not failing:
        return None
    # Of stages that fail together the shortest is the innermost: there the error came up, the others passed it on.
    worst = max(failing, key=lambda stage: (stage.failed, -(stage.p50_s or 0.0)))
    part = f"{worst.failed / max(worst.calls, worst.failed):.1%}"
    others = f" (and {figures.plural(len(failing) - 1, 'other stage')})" if len(failing) > 1 else ""
    text = f"{figures.exact(worst.failed)} of {figures.plural(worst.calls, 'call')} of {worst.name}, {part}{others}"
    return line((f"{'failures':<13}", QUIET), (text, BAD))
