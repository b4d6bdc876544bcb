"""Every number that ever left the home, by month, in plain words; and the totals it was one of.

Made from the keyholders' ledgers, which the household follows itself. Privacy: opened numbers of one home.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from quietgrid.errors import NotFoundError
from quietgrid.homeweb import published
from quietgrid.homeweb.bills import band_name, quantity
from quietgrid.homeweb.desk import Desk
from quietgrid.homeweb.words import span_text
from quietgrid.household import Explained
from quietgrid.household.ledger import QUANTITIES, RULES, homes_behind
from quietgrid.model.interval import Window, zone
from quietgrid.wire.messages import LedgerNote

Context = dict[str, Any]
SEEN = "privacy seen"
ALLOWED = {
    "batch": "one sum a band, for all homes of the section together",
    "floor": "only together with the others of the section",
    "herd": "agreed to by this home, and by few or all of the section",
}
ASKERS = {"platform": "the platform"}
LIMITS = (
    "Two keyholders who work together with the platform can open everything.",
    "Whoever runs platform and keyholders all by themselves can open everything.",
    "A meter that lies plausibly is believed.",
    "Whoever already knows your load profile can test whether you are in a group.",
    "If all your neighbours of a section tell each other their readings, yours follows from the total.",
    "A total of zero tells that everybody in it used nothing.",
    "The keyholders keep 100 days of keys.",
    "The protocol has not been reviewed by outside cryptographers yet.",
)
COLUMNS = ("at", "outcome", "what", "number", "value", "asked_by", "rule", "why", "who", "keyholders", "agree", "hash")


def own_entries(desk: Desk, rows: Sequence[Explained]) -> list[Context]:
    """Everything about this home alone, one entry a number, newest first."""
    opened = {row.subject for row in rows if row.mine and row.kind != "bill"}
    out: list[Context] = []
    for row in rows:
        if not row.mine or (row.kind == "bill" and row.subject in opened):
            continue
        out += KINDS.get(row.kind, _numbers)(desk, row)
    return out


def _entry(desk: Desk, row: Explained, **more: Any) -> Context:
    note = row.note
    return {
        "at": row.at,
        "asked_by": ASKERS.get(note.asked_by, note.asked_by),
        "rule": note.rule,
        "hash": row.subject,
        "verify_url": f"/privacy/{row.subject}",
        "keyholders": list(row.keyholders),
        "agree": row.agree,
        "new": False,
        "value": None,
        **more,
    }


def _span(desk: Desk, row: Explained) -> str:
    window = Window(row.note.first, max(row.note.first, row.note.end), row.note.resolution)
    return span_text(window, desk.tz)


def _refused(desk: Desk, row: Explained) -> list[Context]:
    why = RULES.get(row.note.rule, "a rule of the gate")
    return [
        _entry(
            desk, row, outcome="refused", number="", what=f"Your energy, {_span(desk, row)}", why=why, who="nobody"
        )
    ]  # fmt: skip


def _numbers(desk: Desk, row: Explained) -> list[Context]:
    note, vectors = row.note, desk.vectors(row.note.first)
    span, why = _span(desk, row), ALLOWED.get(note.rule, note.why)
    if not note.values:
        names = ", ".join(band_name(name, vectors) for name in note.vectors) or "nothing"
        what = f"Allowed, not opened yet: {names}; {span}"
        return [_entry(desk, row, outcome="answered", number="", what=what, why=why, who="nobody so far")]
    return [
        _entry(
            desk, row, outcome="answered", number=quantity(name, value, vectors), value=value,
            what=f"{band_name(name, vectors)}, {span}", why=why, who="the platform, with two keyholders",
        )
        for name, value in zip(note.vectors, note.values, strict=False)
    ]  # fmt: skip


def _recovered(desk: Desk, row: Explained) -> list[Context]:
    """The home's key was replaced: who approved, and what they handed over."""
    what = "Your household's key was replaced, and the new one got the day keys that the keyholders still had"
    why = f"approved by {row.note.asked_by}, after {row.note.why}"
    who = "whoever holds the new key"
    return [_entry(desk, row, outcome="answered", number="day keys", what=what, why=why, who=who)]


KINDS = {"refused": _refused, "recovered": _recovered}


def replaced(rows: Sequence[Explained], label: str) -> list[str]:
    """A sentence on the household keys that were replaced in a month anywhere in the community, if any were."""
    keys = sum(not row.mine for row in rows if row.kind == "recovered")
    if not keys:
        return []
    whose = "one home's household key was" if keys == 1 else f"the household keys of {keys} homes were"
    return [f"In {label} {whose} replaced, each with the approval of two keyholders, who could do it to any home."]


def month_of(at: float, tz: str) -> str:
    """``2026-03`` of a moment."""
    return datetime.fromtimestamp(at, zone(tz)).strftime("%Y-%m")


def month_name(value: str) -> str:
    """``March 2026`` of ``2026-03``."""
    return datetime.strptime(value, "%Y-%m").replace(tzinfo=UTC).strftime("%B %Y")


def counts(entries: Sequence[Context]) -> tuple[int, int]:
    """How many numbers left, how many questions were refused."""
    return sum(e["value"] is not None for e in entries), sum(e["outcome"] == "refused" for e in entries)


def page(desk: Desk, wanted: str, floor: int) -> Context:
    """The context of the list of one month ("" for the newest that has something to say)."""
    rows = desk.privacy()
    entries = own_entries(desk, rows)
    current = month_of(desk.now(), desk.tz)
    months = sorted({current, *(month_of(row.at, desk.tz) for row in rows)}, reverse=True)
    value = wanted if wanted in months else current
    shown = [entry for entry in entries if month_of(entry["at"], desk.tz) == value]
    seen = float(desk.note(SEEN) or 0)
    for entry in shown:
        entry["new"] = entry["at"] > seen
    if entries and entries[0]["at"] > seen:
        desk.put_note(SEEN, repr(entries[0]["at"]))
    mine = [row for row in own_totals(desk, rows) if month_of(row.at, desk.tz) == value]
    groups = totals(desk, mine, floor)
    left, refused = counts(shown)
    return {
        "month": {
            "label": month_name(value), "left": left, "refused": refused, "value": value,
            "months": [(month, month_name(month)) for month in months],
        },
        "entries": shown,
        "counted": {
            "homes": homes_text(homes_behind([row.note for row in mine]), floor),
            "totals": sum(group["intervals"] for group in groups),
        },
        "totals": groups,
        "chain": {
            "ok": not desk.broken and all(row.agree for row in rows),
            "copies": desk.copies,
            "checked_at": desk.now(),
            "trouble": [f"Keyholder {index}: {error.what}." for index, error in sorted(desk.trouble.items())],
        },
        "published": published.entered(desk),
        "limits": [*LIMITS, *replaced([row for row in rows if month_of(row.at, desk.tz) == value], month_name(value))],
    }  # fmt: skip


def own_totals(desk: Desk, rows: Sequence[Explained]) -> list[Explained]:
    """Entries about totals this home was one of."""
    leaf = desk.leaf(rows)
    return [row for row in rows if row.kind in ("totals", "halves") and (not leaf or row.note.node == leaf)]


def homes_text(behind: tuple[int, int] | None, floor: int) -> str:
    """How many homes a total has, as exactly as the answer says it.

    >>> homes_text((30, 30), 15), homes_text((28, 30), 15), homes_text(None, 15)
    ('30', '28 to 30', '15 or more')
    """
    if behind is None:
        return f"{floor} or more"
    return str(behind[0]) if behind[0] == behind[1] else f"{behind[0]} to {behind[1]}"


def totals(desk: Desk, rows: Sequence[Explained], floor: int) -> list[Context]:
    """Totals this home was one of: how often, of what, over which time, of how many homes."""
    found: dict[tuple[str, str, str], Context] = {}
    notes: dict[tuple[str, str, str], list[LedgerNote]] = {}
    for row in rows:
        note = row.note
        key = note.node, note.quantity, row.kind
        notes.setdefault(key, []).append(note)
        what = QUANTITIES.get(note.quantity, note.quantity)
        group = found.setdefault(
            key,
            {
                "node": note.node, "what": f"{what}, in two halves" if row.kind == "halves" else what, "intervals": 0,
                "first": note.first, "end": note.end, "agree": True,
            },
        )  # fmt: skip
        group["intervals"] += note.end - note.first
        group["first"], group["end"] = min(group["first"], note.first), max(group["end"], note.end)
        group["agree"] &= row.agree
    resolution = desk.resolution
    for key, group in found.items():
        group["homes"] = homes_text(homes_behind(notes[key]), floor)
        group["span"] = span_text(Window(group["first"], group["end"], resolution), desk.tz)
    return [found[key] for key in sorted(found)]


def detail(desk: Desk, subject: str) -> Context:
    """One question about this home: who has it written down, and the sums the home computes itself."""
    rows = desk.privacy()
    same = [row for row in rows if row.mine and row.subject == subject]
    if not same:
        raise NotFoundError("there is no such entry", where="privacy", fix="take it from the list")
    row = next((row for row in same if row.kind != "bill"), same[0])
    entries = own_entries(desk, same)
    verdict = ""
    if row.kind == "fact" and not desk.trouble:
        with desk.lock:
            found = [said for other, said in desk.home.verify_facts() if other.subject == subject]
        verdict = found[0].value if found else ""
    return {
        "text": _sentence(desk, row),
        "entries": entries,
        "hash": subject,
        "at": row.at,
        "holders": [
            {"number": n, "has": n in row.keyholders, "away": n in desk.trouble}
            for n in range(len(desk.home.parts.holders))
        ],
        "agree": row.agree,
        "verdict": verdict,
        "closes": [digest.hex() for digest in row.note.closes],
    }


def _sentence(desk: Desk, row: Explained) -> str:
    """What happened, in one or two sentences."""
    note, asker = row.note, ASKERS.get(row.note.asked_by, row.note.asked_by)
    if row.kind == "refused":
        why = RULES.get(note.rule, "a rule of the gate")
        span = _span(desk, row)
        return f"{asker.capitalize()} asked for your home's energy alone, {span}. No keyholder answered: {why}."
    if row.kind == "recovered":
        return row.text
    number = len(note.values)
    if not number:
        return f"For {note.why}, {_span(desk, row)}: these sums were allowed to open. They have not been opened yet."
    sums = "one sum of your home was" if number == 1 else f"{number} sums of your home were"
    return f"For {note.why}, {_span(desk, row)}, {sums} opened. No single interval was."


def export(desk: Desk, form: str) -> bytes:
    """Everything about this home as CSV or JSON."""
    entries = [
        {name: entry[name] for name in COLUMNS}
        | {"at": datetime.fromtimestamp(entry["at"], zone(desk.tz)).isoformat(timespec="seconds")}
        for entry in own_entries(desk, desk.privacy())
    ]
    if form == "json":
        return msgspec.json.format(msgspec.json.encode({"tz": desk.tz, "entries": entries}))
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    for entry in entries:
        writer.writerow(entry | {"keyholders": " ".join(map(str, entry["keyholders"]))})
    return out.getvalue().encode()
