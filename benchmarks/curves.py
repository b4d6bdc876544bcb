"""A plot without a plotting library: how large errors are, as an SVG."""

from __future__ import annotations

import math
from html import escape

import numpy as np

from quietgrid.model.network import Floats

WIDTH, HEIGHT, LEFT, TOP = 720, 300, 60, 30
LOW, HIGH = 1e-5, 0.1
COLOURS = ("#9aa0a6", "#8430ce", "#e8710a", "#1a73e8", "#188038", "#202124")


def curves(lines: dict[str, Floats], across: str, up: str) -> str:
    """Shares of errors below a size; one panel for each word before the colon of the names.

    Args:
        lines: ``panel: case`` -> errors, all positive, of rated. across, up: what the axes are.
    """
    panels: dict[str, dict[str, Floats]] = {}
    for name, errors in lines.items():
        panel, _, case = name.partition(": ")
        panels.setdefault(panel, {})[case] = errors
    high = (HEIGHT + 90) * len(panels)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {high}" font-family="sans-serif" '
             f'font-size="12"><rect width="{WIDTH}" height="{high}" fill="white"/>']  # fmt: skip
    for row, (panel, cases) in enumerate(panels.items()):
        parts += _panel(panel, cases, row * (HEIGHT + 90) + TOP, (across, up))
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: str, cases: dict[str, Floats], top: int, axes: tuple[str, str]) -> list[str]:
    wide = WIDTH - LEFT - 210
    bottom = top + HEIGHT

    def x(value: float) -> float:
        return LEFT + wide * math.log(value / LOW) / math.log(HIGH / LOW)

    parts = [f'<text x="{LEFT}" y="{top - 8}" font-weight="bold">{escape(panel)}</text>']
    for power in range(-5, 0):
        at = x(10.0**power)
        parts.append(f'<path d="M{at:.1f} {top}V{bottom}" stroke="#dadce0"/>')
        parts.append(f'<text x="{at:.1f}" y="{bottom + 16}" text-anchor="middle">{10.0 ** (power + 2):g} %</text>')
    for share in range(0, 101, 25):
        at = bottom - HEIGHT * share / 100
        parts.append(f'<path d="M{LEFT} {at:.1f}H{LEFT + wide}" stroke="#dadce0"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{share}</text>')
    parts.append(f'<text x="{LEFT + wide / 2}" y="{bottom + 34}" text-anchor="middle">{escape(axes[0])}</text>')
    parts.append(
        f'<text transform="translate(16 {top + HEIGHT / 2}) rotate(-90)" text-anchor="middle">{escape(axes[1])}</text>'
    )
    shares = np.linspace(0.005, 0.995, 100)
    for row, (case, errors) in enumerate(cases.items()):
        sizes = np.clip(np.quantile(errors, shares), LOW, HIGH)
        points = " ".join(
            f"{x(s):.1f},{bottom - HEIGHT * q:.1f}" for s, q in zip(sizes.tolist(), shares.tolist(), strict=True)
        )
        colour = COLOURS[row % len(COLOURS)]
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{LEFT + wide + 12}" y="{top + 20 + 20 * row}" fill="{colour}">{escape(case)}</text>')
    return parts
