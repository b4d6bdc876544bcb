"""The household's view of the privacy ledgers: follow each keyholder's chain, open the own entries, say them plainly.

Each of the three keyholders keeps its own chain. The household remembers the last entry it saw of each; what was
shown once may not change or vanish. Bodies about the home open with a key derived from its own roots.
Source: PROTOCOL A, "Privacy ledger". Does not give: what a keyholder never wrote down; three chains have to agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from quietgrid.crypto.public.chain_hash import START, body_digest, next_hash
from quietgrid.crypto.public.envelope import Signed, decode
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.crypto.secret.chain import PAIRS_OF
from quietgrid.crypto.secret.ledger_body import ledger_key, open_body
from quietgrid.errors import VerificationError
from quietgrid.household.vault import Vault
from quietgrid.model.interval import Interval, zone
from quietgrid.model.quantity import format_energy
from quietgrid.wire.messages import CommunityCard, LedgerNote
from quietgrid.wire.own import LedgerItem, LedgerPage

RULES = {
    "floor": "too few homes were behind it",
    "share": "one home would have been too large a part of it",
    "partition": "the group is not one that may be asked about",
    "batch": "bills are asked for whole groups and periods only",
    "book": "the period's list of bands was not registered in time",
    "weights": "the weights could not be recomputed from published inputs",
    "wide": "the weights could have singled out an interval",
    "late": "too few homes had late readings",
    "leverage": "an interval of some home would have followed from it",
    "herd": "almost all homes of the group would have been covered, so the rest would follow",
    "strike-halves": "no total before it had been impossible",
    "shared": "too few homes would have kept that day to themselves",
    "omission": "delivered readings had been left out",
    "answered": "it had been answered before",
}
"""Rule names in plain words, for refusals."""
QUANTITIES = {"import": "drawn from the grid", "export": "given to the grid", "net": "drawn minus given"}


@dataclass(frozen=True)
class Entry:
    """One entry of one keyholder's ledger, opened.

    Args:
        keyholder: 0..2. seq: its number there. mine: about this home alone. erased: its body is gone.
        note: What it says; None when erased or another home's.
    """

    keyholder: int
    seq: int
    mine: bool
    erased: bool
    note: LedgerNote | None


def read_page(
    signed: Signed, card: CommunityCard, keyholder: int, vault: Vault, seen: tuple[int, bytes]
) -> tuple[list[Entry], tuple[int, bytes]]:
    """Check a page of a keyholder's ledger and open what is ours.

    Args:
        signed: The page. keyholder: whose it must be. seen: the last entry checked before: number and hash.

    Returns: The entries, and the new last entry.

    Raises:
        VerificationError: another signer or home, a gap, an entry that does not follow from the one before.
    """
    page = open_signed(signed, LedgerPage, card.keyholder_pks[keyholder])
    at, head = seen
    head = head or START
    if (page.keyholder, page.home, page.after) != (keyholder, vault.home, at):
        raise VerificationError("not the page that was asked for", where=f"ledger {keyholder}", fix="ask again")
    keys = ledger_keys(vault, keyholder)
    closed = bool(vault.recovered_ledger()) and keyholder not in vault.recovered_ledger()
    entries = []
    for item in page.items:
        head = next_hash(head, item.digest)
        if item.seq != at + 1 or item.hash != head:
            raise VerificationError(
                "the privacy ledger's chain does not hold", where=f"keyholder {keyholder}, entry {item.seq}",
                fix="tell the auditor; compare with the other keyholders",
            )  # fmt: skip
        at = item.seq
        entries.append(_entry(item, keyholder, vault.home, keys, closed))
    return entries, (at, head if page.items else seen[1])


def ledger_keys(vault: Vault, keyholder: int) -> list[bytes]:
    """The ledger keys a keyholder can have for this home: a recovered one, or one a meter, the first meter's first."""
    pairs = list(PAIRS_OF[keyholder])
    recovered = [key for index, key in vault.recovered_ledger().items() if index == keyholder]
    return recovered + [
        ledger_key(np.ascontiguousarray(meter.chain(vault.community)[pairs]).tobytes(), meter.pid, keyholder)
        for meter in vault.meters()
    ]


def _entry(item: LedgerItem, keyholder: int, home: int, keys: Sequence[bytes], closed: bool) -> Entry:
    """`closed`: the home lost its keys, and this keyholder has not released its own yet."""
    mine = item.home == home
    if not item.salt:
        return Entry(keyholder, item.seq, mine, item.kind != "other", None)
    if body_digest(item.salt, item.body) != item.digest:
        raise VerificationError(
            "an entry is not what the chain says",
            where=f"keyholder {keyholder}, entry {item.seq}",
            fix="tell the auditor",
        )
    if mine and closed and not _opens(item, home, keys):
        return Entry(keyholder, item.seq, mine, True, None)
    body = _open(item, home, keys) if mine else item.body
    return Entry(keyholder, item.seq, mine, False, decode(LedgerNote, body))


def _opens(item: LedgerItem, home: int, keys: Sequence[bytes]) -> bool:
    try:
        _open(item, home, keys)
    except VerificationError:
        return False
    return True


def _open(item: LedgerItem, home: int, keys: Sequence[bytes]) -> bytes:
    for key in keys[:-1]:
        try:
            return open_body(key, item.salt, home, item.body)
        except VerificationError:
            continue
    if not keys:
        raise VerificationError("there are no roots to open it with", where="ledger entry", fix="restore the backup")
    return open_body(keys[-1], item.salt, home, item.body)


@dataclass(frozen=True)
class Explained:
    """One thing that left the homes, as people read it.

    Args:
        at: When (Unix seconds, the earliest keyholder's). text: in plain words. mine: about this home alone.
        kind: See `LedgerNote`. keyholders: who has it in its ledger. agree: they say the same.
        subject: Hash of the question or close (hex). note: the entry itself.
    """

    at: float
    text: str
    mine: bool
    kind: str
    keyholders: tuple[int, ...]
    agree: bool
    subject: str
    note: LedgerNote


def merge(entries: Sequence[Entry], tz: str) -> list[Explained]:
    """The same thing in several ledgers as one row, newest first; `agree` is False where they differ."""
    found: dict[tuple[bytes, str, bool], list[Entry]] = {}
    for entry in entries:
        if entry.note is not None:
            found.setdefault((entry.note.subject, entry.note.kind, entry.mine), []).append(entry)
    out = []
    for (subject, kind, mine), same in found.items():
        notes = [entry.note for entry in same if entry.note is not None]
        first = min(notes, key=lambda note: note.at)
        said = {(tuple(n.vectors), tuple(n.values), tuple(n.counts), n.first, n.end, n.node) for n in notes}
        holders = tuple(sorted({entry.keyholder for entry in same}))
        out.append(
            Explained(
                first.at, explain(first, tz, mine=mine), mine, kind, holders, len(said) == 1, subject.hex(), first
            )
        )
    return sorted(out, key=lambda row: row.at, reverse=True)


def explain(note: LedgerNote, tz: str, *, mine: bool = False) -> str:
    """One entry in plain words, in local time. `mine`: it is about this home alone.

    >>> note = LedgerNote("totals", "Birch Lane 1", 1_900_800, 1_900_896, 900, "import", [], [], [31], "platform",
    ...                   "feeder totals", "floor", b"", [], 0.0)
    >>> print(explain(note, "Europe/Berlin").split(" was opened for ")[0])
    One sum per interval over all homes of Birch Lane 1 (drawn from the grid, 31 homes)
    """
    span = _span(note, tz)
    if note.kind in ("bill", "fact"):
        return _facts(note, span)
    if note.kind == "recovered" and mine:
        return (
            f"Your household's key was replaced with the approval of {note.asked_by}. Those who approved handed the "
            "day keys they still had of your meters to the new key."
        )
    if note.kind == "refused":
        reason = RULES.get(note.rule, f"rule {note.rule}")
        return f"{note.asked_by.capitalize()} asked for a number about your home for {span} and was refused: {reason}."
    quantity = QUANTITIES.get(note.quantity, note.quantity)
    texts = {
        "close": f"Which readings of {note.node} had arrived for {span} was written down. No reading was opened.",
        "totals": f"One sum per interval over all homes of {note.node} ({quantity}{_homes(note)}) "
        f"was opened for {span}. Your reading is in it only together with the others.",
        "halves": f"Sums over two halves of the homes of {note.node} ({quantity}{_homes(note)}) were opened for {span},"
        " drawn by lot: a total before it had been impossible, and a meter that spoils totals is looked for.",
        "bills": f"The bills of all homes of {note.node} for {span} were opened together: a few sums a home.",
        "late": f"Late readings of {note.node} for {span} entered the bills of several homes together.",
        "event": f"One number for each home that had agreed was opened about an event in {note.node}, {span}.",
        "recovered": f"A home's household key was lost and replaced with the approval of {note.asked_by}.",
        "restored": "This keyholder had been away and took over what the other two had recorded.",
    }  # fmt: skip
    return texts.get(note.kind, f"{note.kind} about {note.node or 'the community'} for {span}: {note.why}.")


def homes_behind(notes: Sequence[LedgerNote]) -> tuple[int, int] | None:
    """The fewest and the most homes in the totals that these entries let open; None where no entry says so."""
    counts = [count for note in notes if note.kind in ("totals", "halves") for count in note.counts]
    return (min(counts), max(counts)) if counts else None


def _facts(note: LedgerNote, span: str) -> str:
    why = note.why or "your bill"
    if not note.values:
        cells = ", ".join(f"{name} ({count} intervals)" for name, count in zip(note.vectors, note.counts, strict=False))
        return f"For {why}, {span}, these sums of your home were allowed to open: {cells or 'none'}."
    sums = ", ".join(f"{name} {format_energy(value)}" for name, value in zip(note.vectors, note.values, strict=False))
    return f"For {why}, {span}, these sums of your home were opened: {sums}. No single interval was."


def _homes(note: LedgerNote) -> str:
    behind = homes_behind([note])
    if behind is None:
        return ""
    return f", {behind[0]} homes" if behind[0] == behind[1] else f", {behind[0]} to {behind[1]} homes"


def _span(note: LedgerNote, tz: str) -> str:
    """``18 Mar 2024 01:00 to 19 Mar 2024 01:00`` in local time."""
    if note.end <= note.first:
        return "no interval"
    where = zone(tz)

    def shown(moment: datetime) -> str:
        return moment.astimezone(where).strftime("%-d %b %Y %H:%M")

    return f"{shown(Interval(note.first, note.resolution).start)} to {shown(Interval(note.end, note.resolution).start)}"
