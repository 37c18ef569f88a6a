"""Draw the live table as an SVG picture, for the README.

Usage: ``python docs/pictures/make_live_table.py RUN.json live_table.svg``, where RUN.json is what
``otelkit top --json`` printed while the run was going on (or ``otelkit runs RUN --json`` after it).
"""

from __future__ import annotations

import argparse
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from otelkit._cli.live_table import run_table
from otelkit.model.views import ItemRef, LongCall, QueueRow, RunRow, StageRow

WIDTH = 92
"""Cells: every column but the widest screen's, still readable when a page shows it 800 points wide."""


def run_from_json(content: Mapping[str, Any]) -> RunRow:
    """Return the run that ``otelkit top --json`` or ``otelkit runs RUN --json`` printed."""
    facts = dict(content["runs"][0] if "runs" in content else content)
    # Derived from the rest, when the picture is drawn.
    facts.pop("bottleneck", None)
    facts["stages"] = tuple(
        StageRow(**{key: tuple(value) if isinstance(value, list) else value for key, value in stage.items()})
        for stage in facts.get("stages", ())
    )
    facts["long_calls"] = tuple(LongCall(**call) for call in facts.get("long_calls", ()))
    facts["queues"] = tuple(QueueRow(**queue) for queue in facts.get("queues", ()))
    for key in ("slowest", "last_failed"):
        facts[key] = ItemRef(**facts[key]) if facts.get(key) else None
    return RunRow(**facts)


def save_live_table(run: RunRow, path: Path, *, width: int = WIDTH, title: str = "otelkit run python app.py") -> None:
    """Write the live table of ``run`` to ``path`` as SVG."""
    console = Console(
        record=True,
        file=io.StringIO(),
        width=width,
        force_terminal=True,
        color_system="truecolor",
        highlight=False,
        _environ={},  # a picture must not depend on NO_COLOR or COLUMNS of whoever draws it
    )
    console.print(run_table(run, width))
    # The id is fixed, so that drawing the same run again gives the same file.
    picture = console.export_svg(title=title, unique_id="otelkit-live-table")
    # A picture must not load fonts from elsewhere; without rich's, the reader's own monospaced one is used.
    path.write_text(re.sub(r"\s*@font-face \{.*?\}", "", picture, flags=re.DOTALL), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the live table of a run as SVG.")
    parser.add_argument("run", type=Path, help="JSON of a run, from `otelkit top --json`")
    parser.add_argument("picture", type=Path, help="SVG file to write")
    parser.add_argument("--title", default="otelkit run python app.py", help="title of the window")
    parser.add_argument("--width", type=int, default=WIDTH, help="cells of a line")
    given = parser.parse_args()
    run = run_from_json(json.loads(given.run.read_text(encoding="utf-8")))
    save_live_table(run, given.picture, width=given.width, title=given.title)


if __name__ == "__main__":
    main()
