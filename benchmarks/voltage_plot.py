"""``python -m benchmarks.voltage_plot FILE.svg``: the highest voltage of the grid over four days, stage by stage.

Drawn from figures of the whole network (the highest and lowest estimated bus voltage of an interval); of no unit.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from benchmarks.voltage import QUICK_DAYS, ROWS, SUPPORT, demo_scenario
from quietgrid.algorithms.powerflow import Model
from quietgrid.algorithms.voltage import Settings, simulate
from quietgrid.model.network import Floats

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 760, 340, 52, 40, 36
LINES = {
    "none": ("nobody acts", "#9a9a9a"), "tap changer": ("tap changer", "#d98200"), "Q(U)": ("Q(U)", "#0b6e99"),
    "all": ("all stages", "#2f7d32"),
}  # fmt: skip
LIMIT = 110.0


def highest() -> dict[str, Floats]:
    """Row of the study -> per cent of rated [t]: the highest bus voltage of the grid in each interval."""
    scenario = demo_scenario(QUICK_DAYS)
    model, found = Model(scenario.network), {}
    for name in LINES:
        stages, sharing = ROWS[name]
        settings = Settings(sharing=sharing, support=SUPPORT)
        said = simulate(model, (scenario.w, scenario.var), settings, stages, source_voltage=scenario.upstream)
        found[name] = np.asarray(100 * np.nanmax(said.voltage, axis=1), np.float64)
    return found


def drawing(shown: dict[str, Floats]) -> str:
    """The picture as SVG."""
    low = int(min(values.min() for values in shown.values()))
    high = int(max(values.max() for values in shown.values())) + 1
    count = len(next(iter(shown.values())))
    scale, wide = (HEIGHT - TOP - BOTTOM) / (high - low), (WIDTH - LEFT - 8) / count
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12"><title>Highest bus voltage of the sample\'s grid over {QUICK_DAYS} days at midsummer, eight '
        f'times its plants</title><rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>'
    ]
    for mark in range(-(-low // 5) * 5, high + 1, 5):
        y, colour = TOP + (high - mark) * scale, "#b00020" if mark == LIMIT else "#ddd"
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - 8}" stroke="{colour}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#444">{mark} %</text>')
    for day in range(QUICK_DAYS):
        x = LEFT + day * count // QUICK_DAYS * wide
        parts.append(f'<text x="{x + 4:.1f}" y="{HEIGHT - 12}" fill="#444">day {day + 1}</text>')
    for number, (name, (title, colour)) in enumerate(LINES.items()):
        points = " ".join(
            f"{LEFT + n * wide:.1f},{TOP + (high - value) * scale:.1f}" for n, value in enumerate(shown[name].tolist())
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.4"/>')
        parts.append(f'<text x="{LEFT + 100 + number * 140}" y="20" fill="{colour}">{title}</text>')
    parts.append('<text x="8" y="20" fill="#444">of rated (UTC)</text></svg>')
    return "\n".join(parts) + "\n"


def main() -> int:
    """Draw it."""
    shown = highest()
    Path(sys.argv[1]).write_text(drawing(shown), encoding="utf-8")
    for name, values in shown.items():
        print(f"{name}: highest {values.max():.1f} %, intervals above {LIMIT:.0f} %: {int((values > LIMIT).sum())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
