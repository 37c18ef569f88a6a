"""Samplers side by side on the same 20,000 traces: what they keep, what is known from it, what they cost.

``python -m benchmarks.sampler_comparison`` measures and records the figures that `docs/explanation/sampling.md` is made of.
"""

from __future__ import annotations

import json
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from benchmarks.report import Column, Goal, Report
from benchmarks.samplers.contest import run
from benchmarks.samplers.field import FIELD
from benchmarks.samplers.figures import OFTEN, cost, outcome, per_slice, stage_counts
from benchmarks.samplers.traffic import Mix, made, with_ids

RECORDED: Final = Path(__file__).with_name("samplers") / "recorded.json"
STEPS: Final = Mix(
    traces=30_000, lasts_s=120.0, keys=50, bursts=(), rate=lambda at_s: 2.0 if 40.0 <= at_s < 80.0 else 0.2
)
"""Ten times as much from the 40th second on, for 40 s."""
_RUNS: Final = 40


def measure(quick: bool) -> Report:
    """Let the traffic pass each sampler of the field, several times with other trace ids."""
    return report(figures(3 if quick else 20, rounds=1 if quick else 5))


def figures(runs: int, rounds: int) -> dict[str, Any]:  # Any: JSON
    """Return all figures, by sampler."""
    traffic, steps = made(), made(STEPS)
    replicas = [with_ids(traffic, seed) for seed in range(runs)]
    found = {}
    for name, entry in FIELD.items():
        kept = [run(entry.make(seed), replica).kept for seed, replica in enumerate(replicas)]
        found[name] = {
            "setting": entry.setting,
            "tells": entry.tells,
            **asdict(outcome(traffic, kept)),
            **asdict(cost(entry.make, traffic, rounds)),
            "steps": per_slice(run(entry.make(0), steps).kept, STEPS.lasts_s),
            "stages": stage_counts(traffic, kept[0]),
        }
    return {
        "python": platform.python_version(),
        "runs": runs,
        "traces": len(traffic),
        "spans": sum(t.spans for t in traffic),
        "samplers": found,
    }


def report(found: dict[str, Any]) -> Report:
    """Return the figures as a table."""
    names = ("kept", "busiest", "error_recall", "slow_recall", "rare_coverage", "collector_bias", "best_bias")
    names += ("total_spread", "stage_error", "us_per_span", "held_spans", "kib")
    formats = (
        "{:.0f}",
        "{:.1f}",
        "{:.0%}",
        "{:.0%}",
        "{:.0%}",
        "{:+.1%}",
        "{:+.1%}",
        "{:.1%}",
        "{:.0%}",
        "{:.2f}",
        "{:.0f}",
    )
    headings = ("kept", "busiest", "errors", "slow", "rare stages", "Collector", "best known", "spread", "stage error")
    headings += ("µs a span", "held spans", "KiB")
    samplers = found["samplers"]
    return Report(
        "sampler_comparison",
        f"Nine samplers, {found['traces']:,} traces, {found['runs']} runs",
        (
            Column("sampler"),
            *(Column(heading, form) for heading, form in zip(headings, (*formats, "{:.0f}"), strict=True)),
        ),
        [[name, *(float(row[each]) for each in names)] for name, row in samplers.items()],
        goals=tuple(
            Goal(f"{name}: failed traces kept", samplers[name]["error_recall"], 1.0, at_least=True)
            for name in ("otelkit_tail", "otelkit_tail, exact")
        ),
        notes=(
            "Stage error: of the counts of stages with at least "
            f"{OFTEN} traces; busiest: 5 s against the mean, after the first minute.",
        ),
        extra={"figures": found},
    )


def main() -> None:
    """Measure, print, and record."""
    found = figures(_RUNS, rounds=5)
    RECORDED.write_text(json.dumps(_rounded(found), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(report(found).text())


def _rounded(value: Any) -> Any:  # Any: JSON
    match value:
        case float():
            return float(f"{value:.4g}")
        case dict():
            return {key: _rounded(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_rounded(inner) for inner in value]
        case _:
            return value


if __name__ == "__main__":
    main()
