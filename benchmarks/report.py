"""What a benchmark found: a plain table for people, and JSON with every turn for whoever wants to look closer."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.harness import Contest, Ratio

Cell = str | float | None


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    heading: str
    """Its unit included: ``wall µs``."""
    format: str = "{:.2f}"
    """For numbers; ``{:+.1%}`` shows a share as a percentage."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A number that the project wants to reach, and where it stands."""

    what: str
    value: float
    limit: float
    unit: str = ""
    at_least: bool = False
    """Whether ``limit`` is a lower bound; else it is an upper one."""

    @property
    def reached(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    @property
    def line(self) -> str:
        """For people: ``ok      stage table: 31 ms (at most 50 ms)``."""
        unit = f" {self.unit}" if self.unit else ""
        bound = "at least" if self.at_least else "at most"
        verdict = "ok" if self.reached else "MISSED"
        return f"{verdict:<7} {self.what}: {_short(self.value)}{unit} ({bound} {_short(self.limit)}{unit})"


@dataclass(frozen=True, slots=True)
class Report:
    """One benchmark's result."""

    name: str
    """As in the catalogue; also the name of the JSON file."""
    title: str
    columns: Sequence[Column]
    """The first one names the row."""
    rows: Sequence[Sequence[Cell]]
    goals: Sequence[Goal] = ()
    notes: Sequence[str] = ()
    """What a reader must know to judge the figures, one sentence each."""
    ratios: Mapping[str, Ratio] = field(default_factory=dict)
    """What is compared with the recorded reference, by what it is; less is better."""
    contest: Contest | None = None
    """The turns behind the table, for the JSON."""
    extra: Mapping[str, object] = field(default_factory=dict)
    """More for the JSON."""

    def text(self) -> str:
        """Return the table with its notes and goals."""
        cells = [[column.heading for column in self.columns]]
        cells += [[_cell(cell, column) for cell, column in zip(row, self.columns, strict=True)] for row in self.rows]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            "  ".join(
                [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
            )
            for row in cells
        ]
        lines.insert(1, "  ".join("-" * width for width in widths))
        if self.contest is not None:
            rounds, noise = self.contest.rounds, self.contest.noise
            lines += [
                "",
                f"{rounds} alternating rounds; one and the same piece of work took up to {noise:.0%} longer at times",
            ]
        lines += ["", *self.notes] if self.notes else []
        lines += ["", *(goal.line for goal in self.goals)] if self.goals else []
        return "\n".join([self.title, "=" * len(self.title), "", *(line.rstrip() for line in lines)])

    def write(self, folder: Path) -> Path:
        """Write ``NAME.json`` into the folder, which is made if need be, and return its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.name}.json"
        path.write_text(json.dumps(self._json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        return path

    def _json(self) -> dict[str, object]:
        headings = [column.heading for column in self.columns]
        return {
            "name": self.name,
            "title": self.title,
            "machine": machine(),
            "rows": [dict(zip(headings, row, strict=True)) for row in self.rows],
            "goals": [
                {
                    "what": goal.what,
                    "value": goal.value,
                    "limit": goal.limit,
                    "unit": goal.unit,
                    "reached": goal.reached,
                }
                for goal in self.goals
            ],
            "ratios": {what: asdict(ratio) for what, ratio in self.ratios.items()},
            "notes": list(self.notes),
            "turns": {} if self.contest is None else {name: list(turns) for name, turns in self.contest.turns.items()},
            "yardstick_s": [] if self.contest is None else list(self.contest.yardstick_s),
            **self.extra,
        }


def machine() -> dict[str, object]:
    """Return what the figures depend on."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
        "load_1min": os.getloadavg()[0],
    }


def _cell(cell: Cell, column: Column) -> str:
    if cell is None:
        return "–"
    return cell if isinstance(cell, str) else column.format.format(cell)


def _short(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"
