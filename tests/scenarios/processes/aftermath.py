"""What must hold of a demo's folders once all of its processes have ended. Read with the stores, not the stages."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quietgrid import demo
from quietgrid.algorithms.weights import resolve
from quietgrid.crypto.public.envelope import decode, unpack_signed
from quietgrid.lab.fleet import LOST_SLOTS, Faults
from quietgrid.model.interval import Window, slots_per_day
from quietgrid.model.party import MemberList
from quietgrid.model.question import Kind, Quantity
from quietgrid.model.readings import EXPORT, IMPORT, register_list
from quietgrid.model.total import Status
from quietgrid.runtime.audit import Report, export_bundle
from quietgrid.runtime.clock import ClockFile
from quietgrid.runtime.platform import Platform
from quietgrid.runtime.replay import verify_bundle
from quietgrid.store import Cut, open_keyholder
from quietgrid.wire.columns import book_of, unpack_bits
from quietgrid.wire.frame import parse_frames, parse_head
from quietgrid.wire.messages import BookMessage, Close, LateClose
from tests.scenarios.processes.small import Small


class Truth:
    """The readings of the sample, what the fleet lost of them, and what the platform's closes count.

    Rows are rows of the member list; columns absolute slots of `window`.
    """

    def __init__(self, small: Small, platform: Platform) -> None:
        self.platform, self.plan = platform, small.demo.plan
        with platform.parts.store.read() as tx:
            self.end = tx.answers.last_close(0)
            closes = tx.answers.all_closes()
        self.window = Window(self.plan.first, self.end, 900)
        self.members: MemberList = platform.members(self.plan.first)
        sample = demo.load(len(self.plan.parties), self.window).readings
        row_of = {party.home: row for row, party in enumerate(self.plan.parties)}
        rows = np.array([row_of[int(home)] for home in self.members.homes])
        self.wh = {IMPORT: sample.imported_wh[rows], EXPORT: sample.exported_wh[rows]}
        self.measured = self._measured()
        self.closed = np.zeros(self.measured.shape, np.bool_)
        self.lates: list[LateClose] = []
        per_day = slots_per_day(900)
        for row in closes:
            signed = unpack_signed(row.signed)
            if row.kind == "late":
                self.lates.append(decode(LateClose, signed.body))
                continue
            close = decode(Close, signed.body)
            mine = self.members.rows(close.leaf)
            low = close.day * per_day + close.a - self.window.first
            bits = unpack_bits(close.bitmap, len(mine), close.b - close.a)
            assert not self.closed[mine, low : low + close.b - close.a].any(), "a slot was closed twice"
            self.closed[mine, low : low + close.b - close.a] = bits

    def _measured(self) -> NDArray[np.bool_]:
        faults, per_day = Faults(), slots_per_day(900)
        here = np.ones((len(self.members.homes), len(self.window)), np.bool_)
        for row, home in enumerate(self.members.homes.tolist()):
            for day in range(self.window.first // per_day, self.window.end // per_day + 1):
                lost = faults.lost(home, day)
                if lost is not None:
                    at = day * per_day + lost - self.window.first
                    here[row, max(0, at) : max(0, at + LOST_SLOTS)] = False
        return here

    def capable(self, register: int) -> NDArray[np.bool_]:
        """bool [n]: whose meters have the register."""
        return (self.members.registers >> register & 1).astype(np.bool_)


def check_frames(truth: Truth, frames: dict[bytes, bool], cells: dict[tuple[int, int, int, int, int], int]) -> int:
    """Every acknowledged frame is in the platform's store word for word, and nothing that was not sealed is."""
    store = truth.platform.parts.store
    with store.read() as tx:
        pids = tx.registry.meters().pids
        row_of = {int(pid): row for row, pid in enumerate(pids)}
        kept = {
            (day, register): tx.segments.read(Cut(day, register, resolution), len(pids))
            for day, resolution in tx.segments.days()
            for register in (IMPORT, EXPORT)
        }
    checked = 0
    for frame, receipted in frames.items():
        if not receipted:
            continue
        head = parse_head(frame)
        words = parse_frames([frame]).words.reshape(-1, head.count)
        for register, expected in zip(register_list(head.registers), words, strict=True):
            found = kept[head.day, register].ciphertext[row_of[head.pid], head.first : head.first + head.count]
            assert np.array_equal(found, expected), f"an acknowledged frame is lost: day {head.day}"
        checked += 1
    for (day, register), found in kept.items():
        for row, slot in zip(*np.nonzero(found.version >= 0), strict=True):
            cell = (int(pids[row]), day, int(slot), register, int(found.version[row, slot]))
            assert cells[cell] == int(found.ciphertext[row, slot])
    return checked


def check_answers(truth: Truth) -> int:
    """Each (node, quantity, slot) has one answer; totals and facts are the plain sums; how many numbers."""
    store, numbers = truth.platform.parts.store, 0
    names = truth.members.leaf_names
    with store.read() as tx:
        rows = tx.answers.questions(limit=1_000_000)
        totals = [(n, q, tx.totals.total(n, q, truth.window)) for n, q in tx.totals.nodes()]
        waiting = [row for row in tx.answers.unanswered() if row.end < truth.end]
        unsure = [tx.answers.question(h) for h in tx.answers.with_status(Status.PROVISIONAL.value)]
        provisional = [row for row in unsure if row.end < truth.end]
        refused = [row.hash for row in rows if tx.answers.refusals(row.hash)]
    assert not waiting, f"{len(waiting)} questions were never answered"
    assert not provisional, f"{len(provisional)} answers were never confirmed"
    assert not refused, f"{len(refused)} questions were refused"
    asked: Counter[tuple[str, str, str, int]] = Counter()
    for row in rows:
        spans = range(row.first, row.end) if row.kind == Kind.TOTALS else [row.first]
        asked.update((row.kind, row.node, row.quantity, slot) for slot in spans)
    assert max(asked.values()) == 1, "something was asked twice"
    assert {name for name, _, _ in totals} >= set(names)
    for node, quantity, total in totals:
        inside = truth.members.leaves == names.index(node)
        assert total.answered[:-1].all(), "every slot of the small demo has enough homes"
        on = truth.closed & inside[:, None]
        plain = np.where(on, truth.wh[EXPORT if quantity is Quantity.EXPORT else IMPORT], 0).sum(axis=0)
        if quantity is Quantity.NET:
            plain -= np.where(on, truth.wh[EXPORT], 0).sum(axis=0)
        here = total.answered
        assert total.energy_wh[here].tolist() == plain[here].tolist()
        numbers += int(here.sum())
    return numbers + _check_facts(truth)


def _check_facts(truth: Truth) -> int:
    numbers = 0
    with truth.platform.parts.store.read() as tx:
        facts = tx.totals.facts()
        books = [book_of(decode(BookMessage, unpack_signed(data).body)) for data in tx.registry.books()]
        prices = {
            (v.feed, b.window): tx.registry.prices(v.feed, b.window)[0] for b in books for v in b.vectors if v.feed
        }
    seen: set[tuple[int, str, Window]] = set()
    for fact in facts:
        assert (fact.home, fact.vector, fact.window) not in seen
        seen.add((fact.home, fact.vector, fact.window))
        row = truth.members.homes.tolist().index(fact.home)
        leaf = int(truth.members.leaves[row])
        book = next(b for b in books if b.leaf == leaf and b.window == fact.window)
        vector = next(v for v in book.vectors if v.name == fact.vector)
        feeds = {vector.feed: prices[vector.feed, book.window]} if vector.feed else None
        weights = resolve(vector, book.window, feeds)
        part = slice(fact.window.first - truth.window.first, fact.window.end - truth.window.first)
        wh = truth.wh[vector.register][row] * int(truth.capable(vector.register)[row])
        plain = int(weights @ np.where(truth.closed[row, part], wh[part], 0))
        in_leaf = truth.members.rows(leaf).tolist().index(row)
        for late in truth.lates:
            if (late.leaf, late.first, late.vector) == (leaf, fact.window.first, fact.vector):
                slots = [day * 96 + slot - truth.window.first for r, day, slot, _ in late.cells if r == in_leaf]
                plain += int(wh[slots].sum())
        assert fact.value == plain, f"home {fact.home}, {fact.vector}"
        numbers += 1
    return numbers


def check_keyholders(truth: Truth, folders: Iterable[Path]) -> None:
    """Votes of the three agree for every slot, what was released was asked once, chains verify, nobody saw a fault."""
    with truth.platform.parts.store.read() as tx:
        asked = {row.hash: row for row in tx.answers.questions(limit=1_000_000)}
        leaves = range(len(truth.members.leaf_names))
        closes = {leaf: tx.answers.closes(leaf, truth.window.first, truth.window.end) for leaf in leaves}
    own = {
        leaf: {slot: row.hash for row in rows for slot in range(row.first, row.end)} for leaf, rows in closes.items()
    }
    for folder in folders:
        store = open_keyholder(folder / "keyholder.db", ClockFile(truth.platform.parts.clock.path))  # type: ignore[attr-defined]
        with store.read() as tx:
            assert tx.ledger.verify()[0] > 0
            assert not tx.votes.faults()
            for leaf in leaves:
                voted = tx.votes.voted_slots(leaf, truth.window.first, truth.window.end)
                assert voted[:-1] == [own[leaf][slot] for slot in range(truth.window.first, truth.window.end - 1)]
                assert voted[-1] in (None, own[leaf][truth.window.end - 1])
            missing = [row for digest, row in asked.items() if tx.votes.release(digest) is None and row.end < truth.end]
            assert not missing, "every keyholder has released every answer"
        with sqlite3.connect(folder / "keyholder.db") as raw:
            released = {bytes(question) for (question,) in raw.execute("SELECT question FROM release")}
        raw.close()
        assert released <= asked.keys(), "a keyholder released what was never asked"
        store.close()


def check_bundle(truth: Truth, path: Path) -> Report:
    """The audit bundle of all of it holds."""
    export_bundle(truth.platform, path)
    report = verify_bundle(path)
    assert report.holds, report.problems[:10]
    return report
