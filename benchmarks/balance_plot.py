"""``python -m benchmarks.balance_plot FILE.svg``: the week of the month's highest peak, at rest, planned, foreseen."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from benchmarks.balance import operated
from quietgrid.algorithms.schedule import Rolled
from quietgrid.model.interval import Window
from quietgrid.model.schedule import Ints

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 760, 340, 52, 40, 36
LINES = {
    "rest": ("at rest", "#9a9a9a", 1.0),
    "aggregate, forecast": ("planned from forecasts", "#0b6e99", 1.8),
    "aggregate, foresight": ("perfect foresight", "#d98200", 1.2),
}


def drawing(months: dict[str, Rolled], window: Window) -> str:
    """The picture as SVG."""
    power = {name: months[name].net_wh.sum(axis=0) / 500 for name in LINES}
    worst = int(np.abs(power["rest"]).argmax()) // 48
    first = min(max(worst - 3, 0), len(window) // 48 - 7) * 48
    shown = np.stack([values[first : first + 336] for values in power.values()])
    low, high = round(float(shown.min())), round(float(shown.max()))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12"><title>The community\'s net power over a week</title>'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>'
    ]
    scale = (HEIGHT - TOP - BOTTOM) / (high - low)
    for mark in range(low // 50 * 50, high + 1, 50):
        if mark >= low:
            y = TOP + (high - mark) * scale
            parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - 8}" stroke="{"#888" if not mark else "#ddd"}"/>')
            parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#444">{mark}</text>')
    wide = (WIDTH - LEFT - 8) / 336
    for day in range(7):
        start = Window(window.first + first + 48 * day, window.end, window.resolution).start_time
        parts.append(
            f'<text x="{LEFT + 48 * day * wide + 4:.1f}" y="{HEIGHT - 12}" fill="#444">{start:%a %d %b}</text>'
        )
    for number, (name, (title, colour, thick)) in enumerate(LINES.items()):
        points = " ".join(
            f"{LEFT + n * wide:.1f},{TOP + (high - value) * scale:.1f}"
            for n, value in enumerate(power[name][first : first + 336].tolist())
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{thick}"/>')
        parts.append(f'<text x="{LEFT + 60 + number * 190}" y="20" fill="{colour}">{title}</text>')
    parts.append('<text x="8" y="20" fill="#444">kW (UTC)</text></svg>')
    return "\n".join(parts) + "\n"


def main() -> int:
    """Draw it."""
    months, look, source = operated(28, 1)
    Path(sys.argv[1]).write_text(drawing(months, look.window), encoding="utf-8")
    print(source)
    for name, one in months.items():
        net: Ints = one.net_wh.sum(axis=0)
        taken = np.maximum(net, 0).sum() / 1e6
        print(f"{name}: cost {one.cost_micro / 1e6:.2f}, peak {one.peak_w / 1e3:.1f} kW, import {taken:.1f} MWh")
    return 0


if __name__ == "__main__":
    sys.exit(main())
