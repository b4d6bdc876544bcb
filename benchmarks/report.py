"""``python -m benchmarks.report [--quick]``: runs every benchmark and writes docs/reference/benchmarks.md."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.__main__ import registry

TARGET = Path(__file__).resolve().parents[1] / "docs" / "reference" / "benchmarks.md"


def measured(name: str, quick: bool) -> dict[str, Any] | str:
    """One benchmark's object, from a process of its own; or why there is none."""
    words = [sys.executable, "-m", "benchmarks", name, "--json", *(["--quick"] if quick else [])]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except json.JSONDecodeError:
        return done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "it printed nothing"
    return found


def section(name: str, result: dict[str, Any] | str) -> list[str]:
    """One benchmark as Markdown."""
    lines = [f"## `{name}`", ""]
    if isinstance(result, str):
        return [*lines, f"Not measured: {result}", ""]
    lines += [result["work"], "", "| | figures |", "|---|---|"]
    for who, figures in [("ours", result["ours"]), *result.get("peers", {}).items()]:
        lines.append(f"| {who} | {_figures(figures)} |")
    for who, value in result.get("ratios", {}).items():
        lines.append(f"| ratio to {who} | {value:,.4g} |")
    lines += ["", "| bar | need | got | holds |", "|---|---|---|---|"]
    for bar in result["bars"]:
        holds = "yes" if bar["holds"] else "**no**"
        lines.append(f"| {bar['what']} | {_number(bar['need'])} | {_number(bar['got'])} | {holds} |")
    return [*lines, "", result["note"], "", f"`python -m benchmarks {name} --json`", ""]


def _figures(figures: dict[str, Any]) -> str:
    return "; ".join(f"{name.replace('_', ' ')} {_number(value)}" for name, value in figures.items())


def _number(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:,.4g}" if isinstance(value, float) else f"{value:,}"
    if isinstance(value, list | dict):
        return f"`{json.dumps(value)}`"
    return str(value)


def main() -> int:
    """Run all, write the page; 1 if a bar does not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report")
    parser.add_argument("--quick", action="store_true", help="small sizes; nothing is written")
    options = parser.parse_args()
    results = {}
    for name in registry():
        print(name, file=sys.stderr)
        results[name] = measured(name, options.quick)
    measured_on: object = next((r["machine"] for r in results.values() if isinstance(r, dict)), {})
    head = [
        "# Benchmarks", "",
        "Ours and the peers on the same work in the same run: medians of CPU time, wall time where the work is between",
        "processes. Made by `python -m benchmarks.report`; absolute times are this machine's, ratios travel.", "",
        f"Machine: {_number(measured_on) if measured_on else 'unknown'}. {datetime.now(UTC):%d %B %Y}.", "",
    ]  # fmt: skip
    text = "\n".join([*head, *[line for name, result in results.items() for line in section(name, result)]])
    if options.quick:
        print(text)
    else:
        TARGET.write_text(text.rstrip() + "\n", encoding="utf-8")
    good = all(isinstance(r, dict) and all(bar["holds"] for bar in r["bars"]) for r in results.values())
    return 0 if good or options.quick else 1


if __name__ == "__main__":
    sys.exit(main())
