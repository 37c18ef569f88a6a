"""Write `docs/explanation/sampling.md` and its pictures from the recorded comparison of samplers.

python -m docs.sampling    write them, as `python -m docs.generate` does among others

The figures are recorded by `python -m benchmarks.sampler_comparison`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.sampler_comparison import RECORDED
from benchmarks.samplers.field import TARGET_PER_S
from benchmarks.samplers.traffic import Mix
from docs.sampling_pictures import counts, throughput

DOCS: Final = Path(__file__).parent
_TEMPLATE: Final = DOCS / "explanation" / "sampling.md.in"
"""The page's prose; ``{{name}}`` stands for a table or a figure."""


def files() -> dict[Path, str]:
    """Return the page and its pictures, with what they are to hold."""
    recorded: dict[str, Any] = json.loads(RECORDED.read_text(encoding="utf-8"))  # Any: JSON
    samplers = recorded["samplers"]
    return {
        DOCS / "explanation" / "sampling.md": page(recorded),
        DOCS / "pictures" / "sampling_throughput.svg": throughput(samplers, TARGET_PER_S),
        DOCS / "pictures" / "sampling_counts.svg": counts(samplers),
    }


def page(recorded: dict[str, Any]) -> str:  # Any: JSON
    """Return the page."""
    samplers = recorded["samplers"].items()
    parts = {
        "kept": _table(
            (
                "sampler",
                "set to",
                "kept",
                "target",
                "busiest",
                "errors",
                "slow",
                "rare stages",
                "tells its probability by",
            ),
            [_kept(name, row) for name, row in samplers],
        ),
        "counts": _table(
            ("sampler", "Collector", "best known", "spread", "stage error"),
            [_counts(name, row) for name, row in samplers],
        ),
        "costs": _table(
            ("sampler", "CPU, µs per span", "ended spans held at most", "memory at most, KiB"),
            [
                (name, f"{row['us_per_span']:.2g}", f"{row['held_spans']:,}", f"{row['kib']:,.0f}")
                for name, row in samplers
            ],
        ),
        "traces": f"{recorded['traces']:,}",
        "runs": str(recorded["runs"]),
        "python": recorded["python"],
        "spans": f"{recorded['spans'] / recorded['traces']:.1f}",
    }
    tail, adaptive = recorded["samplers"]["otelkit_tail"], recorded["samplers"]["otelkit_adaptive"]
    errors = abs(tail["best_bias"]) / tail["best_bias_error"]
    parts |= {
        "otelkit_tail bias": f"{tail['best_bias']:+.1%}",
        "otelkit_tail errors": f"{errors:.1f}",
        # What is beyond so many standard errors of a normal distribution, on both sides.
        "otelkit_tail chance": f"{math.erfc(errors / math.sqrt(2)):.0%}",
        "otelkit_adaptive over": f"{_over_target(adaptive):.0%}",
        "otelkit_adaptive spread": f"{adaptive['total_spread']:.1%}",
    }
    text = _TEMPLATE.read_text(encoding="utf-8")
    for name, part in parts.items():
        text = text.replace(f"{{{{{name}}}}}", part)
    return text


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, ["---"] * len(header), *rows))


def _kept(name: str, row: dict[str, Any]) -> Sequence[str]:
    shares = [f"{row[each]:.0%}" for each in ("error_recall", "slow_recall", "rare_coverage")]
    target = f"{_over_target(row):+.0%}"
    return (name, row["setting"], f"{row['kept']:,.0f}", target, f"{row['busiest']:.1f}", *shares, row["tells"])


def _over_target(row: dict[str, Any]) -> float:
    """Return by which part more is kept than the target."""
    return float(row["kept"]) / (TARGET_PER_S * Mix().lasts_s) - 1


def _counts(name: str, row: dict[str, Any]) -> Sequence[str]:
    return (
        name,
        f"{row['collector_bias']:+.1%}",
        f"{row['best_bias']:+.1%} ± {row['best_bias_error']:.1%}",
        f"{row['total_spread']:.1%}",
        f"{row['stage_error']:.0%}",
    )


def write() -> None:
    """Write the page and its pictures."""
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote docs/{path.relative_to(DOCS)}")


if __name__ == "__main__":
    write()
