"""What commands print: text for people, one JSON object with ``--json``, progress on stderr where it is a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

from cyclopts import App, Parameter

Json = Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON object instead of text.")]
"""The `--json` every command has."""
Advance = Callable[[int], None]
"""Tells a progress bar that so much more is done."""


def command_app(name: str, what: str) -> App:
    """A command's app, as all commands have it."""
    return App(name=f"quietgrid {name}", help=what, version_flags=[], help_formatter="plain", help_format="plaintext")


def emit(as_json: bool, data: Mapping[str, Any], text: Sequence[str]) -> None:
    """Print a result: the object, or the lines."""
    if as_json:
        print(json.dumps(data, ensure_ascii=False))
    else:
        for line in text:
            print(line)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Rows as aligned lines; numbers to the right.

    >>> table(["feeder", "homes"], [["Birch Lane", 31], ["Mill", 8]])
    ['feeder      homes', 'Birch Lane     31', 'Mill            8']
    """
    cells = [list(head), *[[str(cell) for cell in row] for row in rows]]
    widths = [max(len(row[at]) for row in cells) for at in range(len(head))]
    right = [bool(rows) and all(isinstance(row[at], int | float) for row in rows) for at in range(len(head))]
    return [
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in cells
    ]


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Advance]:
    """A bar (or, without a total, a spinner) on stderr while something runs; nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda more: bar.advance(task, more)
