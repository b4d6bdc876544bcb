"""Makes docs/reference/who-sees-what.md from the trust cards of the stages.

A trust card is the first docstring of a stage: `Runs at / Sees / Never sees / In / Out`. It is read, not imported.
`make docs` writes the page; a test fails while page and cards differ.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "quietgrid"
PAGE = ROOT / "docs" / "reference" / "who-sees-what.md"
STAGES = (
    "registry", "feeds", "meter", "household", "concentrator", "pes", "keyholder", "mdms", "billing", "balance",
    "insight", "response", "settlement",
)  # fmt: skip
FIELDS = ("Runs at", "Sees", "Never sees", "In", "Out")


@dataclass(frozen=True)
class Card:
    """The trust card of one stage.

    Args:
        stage: Folder name. summary: First line of the docstring. fields: One text for each of `FIELDS`.
    """

    stage: str
    summary: str
    fields: dict[str, str]

    def flows(self, field: str) -> list[tuple[str, str]]:
        """The (noun, other end) pairs of ``In`` or ``Out``; the other end is "" where the card names none.

        >>> Card("pes", "", {"In": "Sealed from concentrator, Close"}).flows("In")
        [('Sealed', 'concentrator'), ('Close', '')]
        """
        word = "from" if field == "In" else "to"
        pairs = []
        for part in self.fields[field].rstrip(".").split(","):
            noun, _, end = part.strip().partition(f" {word} ")
            pairs.append((noun.strip(), end.strip()))
        return pairs


def read_card(stage: str, docstring: str) -> Card:
    """The card in `docstring`; `ValueError` says which line is missing or out of order."""
    lines = docstring.strip().splitlines()
    if len(lines) < 2 or lines[1].strip():
        raise ValueError(f"{stage}: the card needs a one-line summary and then a blank line")
    fields: dict[str, str] = {}
    for line in lines[2:]:
        match = re.match(r"\s*([A-Z][a-z]+(?: [a-z]+)?): (.*)", line)
        if match and match[1] in FIELDS:
            fields[match[1]] = match[2].strip()
        elif line.strip() and fields and len(fields) < len(FIELDS):
            last = list(fields)[-1]
            fields[last] += " " + line.strip()
        elif not line.strip() and len(fields) == len(FIELDS):
            break
        elif line.strip() and fields:
            last = list(fields)[-1]
            fields[last] += " " + line.strip()
    if tuple(fields) != FIELDS:
        raise ValueError(f"{stage}: the card has the lines {list(fields)}, it needs {list(FIELDS)}")
    if not all(fields.values()):
        raise ValueError(f"{stage}: a line of the card is empty")
    return Card(stage, lines[0].strip(), fields)


def cards() -> list[Card]:
    """The cards of all stages, in the order of `STAGES`."""
    found = []
    for stage in STAGES:
        tree = ast.parse((PACKAGE / stage / "__init__.py").read_text(encoding="utf-8"))
        found.append(read_card(stage, ast.get_docstring(tree) or ""))
    return found


def page(found: list[Card]) -> str:
    """The Markdown page."""
    lines = [
        "# Who sees what",
        "",
        "Made from the trust cards in the code by `make docs`. Do not edit by hand.",
        "",
        "A stage is a role in the energy system, a trust boundary and a process that can run alone. In the demo one",
        "operator runs all of them; in real life the home, the platform and the three keyholders are separate bodies.",
        "",
        "| stage | runs at | sees | never sees |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| [{card.stage}](#{card.stage}) | {card.fields['Runs at']} | {card.fields['Sees']} "
        f"| {card.fields['Never sees']} |"
        for card in found
    ]
    for card in found:
        lines += ["", f"## {card.stage}", "", card.summary, ""]
        lines += [f"- **{field}**: {card.fields[field]}" for field in FIELDS]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(cards()), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
