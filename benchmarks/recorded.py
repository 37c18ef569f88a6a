"""What the ratios were when they were last recorded, and which of them have got worse since."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.harness import Ratio
from benchmarks.report import Report

RECORDED: Final = Path(__file__).with_name("recorded.json")
TOLERANCE: Final = 0.15
"""A ratio may be this much higher than the recorded one."""


def worse(report: Report, path: Path = RECORDED) -> tuple[list[str], list[str]]:
    """Compare a report's ratios with the recorded ones.

    A regression is a ratio that is more than `TOLERANCE` above the recorded one even at the lower end of what the rounds
    allow to say; one whose median is above it while its lower end is not is a doubt, to be measured again.

    Returns:
        One sentence for each regression, and one for each doubt or whatever else could not be compared.
    """
    recorded = _read(path)
    if not report.ratios:
        return [], []
    if recorded.get("python") != _python():
        return [], [f"not compared: the reference is of Python {recorded.get('python')}, this is {_python()}"]
    before: Mapping[str, float] = recorded["ratios"].get(report.name, {})
    regressions, doubts = [], []
    for what, ratio in report.ratios.items():
        if what not in before:
            doubts.append(f"not compared: nothing is recorded of “{what}”")
            continue
        limit = before[what] * (1 + TOLERANCE)
        if ratio.low > limit:
            regressions.append(f"WORSE   {_sentence(what, ratio, before[what])}")
        elif ratio.value > limit:
            doubts.append(f"doubt   {_sentence(what, ratio, before[what])}; too noisy to say, measure again")
    doubts += [f"gone    “{what}” is recorded and was not measured" for what in before if what not in report.ratios]
    return regressions, doubts


def record(report: Report, path: Path = RECORDED) -> None:
    """Make a report's ratios the reference that later ones are compared with; those of other benchmarks stay.

    All of it must be of one Python: recorded under another one, what was there is forgotten.
    """
    recorded = _read(path)
    if recorded.get("python") != _python():
        recorded = {"python": _python(), "ratios": {}}
    if report.ratios:
        recorded["ratios"][report.name] = {what: float(f"{ratio.value:.4g}") for what, ratio in report.ratios.items()}
    path.write_text(json.dumps(recorded, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"python": _python(), "ratios": {}}
    return found


def _python() -> str:
    """Return the version that ratios depend on: ``3.11``."""
    return ".".join(platform.python_version_tuple()[:2])


def _sentence(what: str, ratio: Ratio, before: float) -> str:
    return f"{what}: {ratio.value:.3g} times ({ratio.low:.3g} to {ratio.high:.3g}), recorded {before:.3g}"
