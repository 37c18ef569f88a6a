"""The pictures of `docs/explanation/sampling.md`, as SVG, from the recorded figures of the comparison."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

from benchmarks.samplers.figures import SLICE_S

_FONT: Final = 'font-family="system-ui, sans-serif" font-size="12"'
_COLOURS: Final = {
    "ParentBased(TraceIdRatio)": "#8c8c8c",
    "EMADynamic": "#c77d0a",
    "Jaeger adaptive": "#a0409a",
    "otelkit_adaptive": "#0a62c7",
    "otelkit_tail": "#0a8a4a",
}


def throughput(samplers: dict[str, Any], target_per_s: float) -> str:  # Any: JSON
    """Return how many traces per second each sampler keeps while ten times as many come for a while."""
    shown = ("EMADynamic", "Jaeger adaptive", "otelkit_adaptive", "otelkit_tail")
    series = {name: [count / SLICE_S for count in samplers[name]["steps"]] for name in shown}
    slices = max(map(len, series.values()))
    left, top, width, height = 50, 30, 620, 260
    highest = 80.0

    def x(at_slice: float) -> float:
        return left + width * at_slice / slices

    def y(per_s: float) -> float:
        return top + height * (1 - min(per_s, highest) / highest)

    parts = [_text(left, 18, "Traces kept per second; ten times as many come from the 40th to the 80th second")]
    parts += [
        f'<rect x="{x(40 / SLICE_S):.1f}" y="{top}" width="{x(80 / SLICE_S) - x(40 / SLICE_S):.1f}" height="{height}" '
        'fill="#f1f1f1"/>'
    ]
    for per_s in (0, 10, 20, 40, 60, 80):
        parts += [
            _line(left, y(per_s), left + width, y(per_s), "#d5d5d5"),
            _text(left - 8, y(per_s) + 4, str(per_s), "end"),
        ]
    parts.append(_line(left, y(target_per_s), left + width, y(target_per_s), "#333333", "4 3"))
    parts += [_text(x(at / SLICE_S), top + height + 18, f"{at} s", "middle") for at in range(0, 121, 20)]
    for number, (name, values) in enumerate(series.items()):
        points = " ".join(f"{x(at + 0.5):.1f},{y(per_s):.1f}" for at, per_s in enumerate(values))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{_COLOURS[name]}" stroke-width="2"/>')
        parts += _key(left + number * 160, top + height + 40, name)
    return _svg(left + width + 20, top + height + 60, parts)


def counts(samplers: dict[str, Any]) -> str:  # Any: JSON
    """Return how far the count of each frequent stage is off, as the Collector counts it by ``th``."""
    shown = ("ParentBased(TraceIdRatio)", "EMADynamic", "otelkit_adaptive", "otelkit_tail")
    width, height, left, top, gap = 300, 150, 40, 56, 60
    parts = []
    for number, name in enumerate(shown):
        x0, y0 = left + number % 2 * (width + gap), top + number // 2 * (height + gap)
        parts.append(_text(x0, y0 - 10, name))
        for factor, label in ((0.1, "⅒"), (0.5, "½"), (1.0, "true"), (2.0, "2×")):
            y = _factor_y(factor, y0, height)
            parts += [_line(x0, y, x0 + width, y, "#333333" if factor == 1 else "#d5d5d5")]
            parts += [_text(x0 - 6, y + 4, label, "end")]
        for count, relative in samplers[name]["stages"]:
            x = x0 + width * (math.log10(count) - 1.6) / 2.4
            parts.append(
                f'<circle cx="{x:.1f}" cy="{_factor_y(relative, y0, height):.1f}" r="3.5" fill="{_COLOURS[name]}" '
                'fill-opacity="0.7"/>'
            )
        parts += [
            _text(x0 + width * (math.log10(count) - 1.6) / 2.4, y0 + height + 16, f"{count:,}", "middle")
            for count in (100, 1_000, 5_000)
        ]
    bottom = top + 2 * (height + gap)
    parts.insert(
        0,
        _text(left, 16, "Traces of each stage as the Collector counts them, against the truth; by how many there are"),
    )
    return _svg(left + 2 * width + gap + 20, bottom, parts)


def _factor_y(factor: float, top: float, height: float) -> float:
    # From a twentieth to four times; what is beyond is drawn at the edge.
    share = (math.log10(min(4.0, max(0.05, factor))) - math.log10(0.05)) / (math.log10(4.0) - math.log10(0.05))
    return top + height * (1 - share)


def _key(x: float, y: float, name: str) -> Sequence[str]:
    return (
        f'<rect x="{x}" y="{y - 9}" width="12" height="10" fill="{_COLOURS[name]}"/>',
        _text(x + 17, y, name),
    )


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, dashes: str = "") -> str:
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{dashed}/>'


def _svg(width: float, height: float, parts: Iterable[str]) -> str:
    inner = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" {_FONT}>\n'
        f'<rect width="100%" height="100%" fill="white"/>\n{inner}\n</svg>\n'
    )
