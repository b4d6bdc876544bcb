"""The gate's pure decisions: each takes what is known and raises `GateRefusal` with the rule's name.

Source: PROTOCOL A, "The gate". Nothing here reads a clock, a file or a key.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quietgrid.algorithms.plan import by_home
from quietgrid.errors import GateRefusal, VerificationError
from quietgrid.model.closed import Closed, GateRules
from quietgrid.model.interval import DAY_S, slots_per_day
from quietgrid.model.party import MemberList
from quietgrid.wire.columns import unpack_bits
from quietgrid.wire.messages import Close

MIN_PERIOD_DAYS = 28
MIN_JOINERS = 5


def check_members(new: MemberList, older: Sequence[MemberList], rules: GateRules) -> None:
    """Accept a member list next to those already endorsed, or refuse.

    Rules: an epoch starts where the one before ends; a revision only appends meters of homes already listed
    in the same leaf (a replaced meter), or only ends the epoch earlier (`check_cut`); joiners and leavers of a leaf
    come at least five at a time, so that no before/after difference is about one home; one home, one leaf.
    """
    same = [m for m in older if m.epoch == new.epoch]
    if same:
        _check_revision(new, max(same, key=lambda m: m.revision))
    elif new.revision != 0:
        raise GateRefusal("members", "an epoch starts with revision 0", where=f"epoch {new.epoch}", fix="send it first")
    for leaf, name in enumerate(new.leaf_names):
        rows = new.rows(leaf)
        kw = by_home(new.homes[rows], new.connection_w[rows][:, None])[:, 0]
        if len(kw) == 0 or int(kw.min()) <= 0:
            raise GateRefusal("members", "a leaf has a home without certified capacity", where=name, fix="certify it")
    leaf_of: dict[int, int] = {}
    for home, leaf in zip(new.homes.tolist(), new.leaves.tolist(), strict=True):
        if leaf_of.setdefault(home, leaf) != leaf:
            raise GateRefusal("members", "a home is in two leaves", where=f"leaf {leaf}", fix="one home, one leaf")
    before = [m for m in older if m.epoch < new.epoch]
    if before and not same and rules.on("join"):
        _check_churn(new, max(before, key=lambda m: (m.epoch, m.revision)))


def _check_revision(new: MemberList, last: MemberList) -> None:
    n = len(last)
    cut = cuts(new, last) and len(new) == n
    if (
        new.revision != last.revision + 1
        or (new.window != last.window and not cut)
        or new.leaf_names != last.leaf_names
    ):
        raise GateRefusal(
            "members", "a revision must follow the last one and keep its window and leaves",
            where=f"epoch {new.epoch} revision {new.revision}", fix=f"send revision {last.revision + 1}",
        )  # fmt: skip
    columns = ("homes", "pids", "leaves", "registers", "connection_w")
    if any(not np.array_equal(getattr(new, c)[:n], getattr(last, c)) for c in columns):
        raise GateRefusal(
            "members", "a revision may only append rows", where=f"epoch {new.epoch}", fix="keep the rows there were"
        )
    leaf_of = dict(zip(last.homes.tolist(), last.leaves.tolist(), strict=True))
    able: dict[int, int] = {}
    for home, registers in zip(last.homes.tolist(), last.registers.tolist(), strict=True):
        able[home] = able.get(home, 0) | registers
    fresh = (new.homes[n:].tolist(), new.leaves[n:].tolist(), new.registers[n:].tolist())
    for home, leaf, registers in zip(*fresh, strict=True):
        if registers & ~able.get(home, 0xFF):
            raise GateRefusal(
                "join", "a register cannot be added within an epoch: totals of its slots would change kind",
                where=f"home {home}", fix="list the register from the next epoch on",
            )  # fmt: skip
        if leaf_of.get(home) != leaf:
            raise GateRefusal(
                "join", "a new home cannot join within an epoch", where=f"leaf {leaf}", fix="wait for the next period"
            )


def cuts(new: MemberList, last: MemberList) -> bool:
    """Whether a revision ends its epoch earlier."""
    same = (new.window.first, new.window.resolution) == (last.window.first, last.window.resolution)
    return same and new.window.first < new.window.end < last.window.end


def check_cut(new: MemberList, last: MemberList, ends: Sequence[int], closed: bool) -> None:
    """An epoch may end earlier only where nothing is registered or closed beyond: at the end of its last book.

    Args:
        new, last: The revision and the one before. ends: ends of the periods with a book in the epoch.
        closed: Whether a slot beyond the new end is closed.

    Raises:
        GateRefusal: ``members``.
    """
    end = new.window.end
    if cuts(new, last) and (closed or max(ends, default=end) != end):
        raise GateRefusal(
            "members", "an epoch is cut at the end of its last registered billing period, before it comes",
            where=f"epoch {new.epoch}", fix=f"end it at slot {max(ends, default=end)}",
        )  # fmt: skip


def _check_churn(new: MemberList, last: MemberList) -> None:
    if new.window.first < last.window.end:
        raise GateRefusal("members", "epochs overlap", where=f"epoch {new.epoch}", fix="start it where the last ends")
    names = {name: leaf for leaf, name in enumerate(last.leaf_names)}
    for leaf, name in enumerate(new.leaf_names):
        if name not in names:
            continue
        now, then = set(new.homes_in(leaf).tolist()), set(last.homes_in(names[name]).tolist())
        for change, word in ((now - then, "join"), (then - now, "leave")):
            if 0 < len(change) < MIN_JOINERS:
                raise GateRefusal(
                    "join", f"fewer than {MIN_JOINERS} homes {word} at once", where=name,
                    fix="gather joiners and leavers into monthly batches of at least five",
                )  # fmt: skip


def closed_of(close: Close, digest: bytes, members: MemberList) -> Closed:
    """The cells a close counts, checked for shape, or `VerificationError`."""
    per_day = slots_per_day(members.window.resolution)
    if not (0 <= close.a < close.b <= per_day) or not 0 <= close.leaf < len(members.leaf_names):
        raise VerificationError("slots or leaf out of range", where="close", fix="0 <= a < b <= slots a day")
    first = close.day * per_day + close.a
    if first < members.window.first or close.day * per_day + close.b > members.window.end:
        raise VerificationError("a close reaches outside its epoch", where="close", fix="split it at the epoch's end")
    rows = members.rows(close.leaf)
    present = unpack_bits(close.bitmap, len(rows), close.b - close.a)
    version = np.zeros(present.shape, np.int16)
    for row, slot, number in close.versions:
        inside = 0 <= row < len(rows) and close.a <= slot < close.b
        if not inside or not 0 < number < 256 or not present[row, slot - close.a]:
            raise VerificationError("a version names no present cell", where="close", fix="list present cells only")
        version[row, slot - close.a] = number
    return Closed(close.leaf, close.day, close.a, close.b, present, version, digest)


def check_settled(close: Close, resolution: int, now: float, rules: GateRules) -> None:
    """A slot closes only `settle_slots` after its end, so that nobody is closed out while still sending."""
    end = (close.day * DAY_S) + (close.b + rules.settle_slots) * resolution
    if rules.on("settle") and (now < end or close.signed_at < end):
        raise GateRefusal(
            "settle", f"a slot closes {rules.settle_slots} slots after its end", where=f"leaf {close.leaf}",
            fix="close it later",
        )  # fmt: skip
