"""``python -m benchmarks NAME [--json] [--quick]``, ``python -m benchmarks --list``.

A benchmark is a module of this folder with a line ``NAME = "…"`` and ``run(quick: bool) -> dict`` that returns the
object of DESIGN 10. The list is made by reading the files, so one whose peer is not installed is still named.
Exit status 1 when a bar does not hold in a full run.
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any

from benchmarks.measure import machine
from quietgrid.errors import QuietgridError

_NAME = re.compile(r'^NAME = "([a-z_]+)"$', re.MULTILINE)


def registry() -> dict[str, tuple[str, str]]:
    """Name of every benchmark, its module and its first docstring line."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        text = path.read_text()
        match = _NAME.search(text)
        if match:
            found[match[1]] = (f"benchmarks.{path.stem}", text.partition('"""')[2].partition("\n")[0].strip(' "'))
    return found


def shown(result: dict[str, Any]) -> str:
    """The object for people."""
    lines = [f"{result['name']}: {result['work']}", f"  ours      {_figures(result['ours'])}"]
    lines += [f"  {name:<9} {_figures(peer)}" for name, peer in result.get("peers", {}).items()]
    lines += [f"  ratio to {name}: {value:,.4g}" for name, value in result.get("ratios", {}).items()]
    for line in result.get("bars", []):
        lines.append(
            f"  {'holds' if line['holds'] else 'FAILS'}: {line['what']}: {line['got']:,} (bar {line['need']:,})"
        )
    lines.append(f"  {result['note']}")
    return "\n".join(lines)


def _figures(figures: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {value:,}" if isinstance(value, int | float) else f"{name} {value}" for name, value in figures.items()
    )


def main(arguments: list[str] | None = None) -> int:
    """Run one benchmark, or list them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Ours beside the peers, in the same run.")
    parser.add_argument("name", nargs="?", help="which one (see --list)")
    parser.add_argument("--list", action="store_true", help="name them all")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that it runs, not what it reaches")
    options = parser.parse_args(arguments)
    known = registry()
    if options.list or options.name is None:
        for name, (_, line) in known.items():
            print(f"{name:<10} {line}")
        return 0
    if options.name not in known:
        parser.error(f"no benchmark is called {options.name!r}; there are {', '.join(known)}")
    try:
        result: dict[str, Any] = importlib.import_module(known[options.name][0]).run(options.quick)
    except QuietgridError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    result["machine"] = machine()
    result["quick"] = options.quick
    print(json.dumps(result) if options.json else shown(result))
    return 0 if options.quick or all(line["holds"] for line in result["bars"]) else 1


if __name__ == "__main__":
    sys.exit(main())
