"""Blind sums: minus the masks' sums they are the plain sums, whatever is added up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from quietgrid.algorithms.plan import LateSet, bills_plan, totals_plan
from quietgrid.crypto.secret.masks import masks
from quietgrid.keyholder.sums import bills_component, totals_component
from quietgrid.model.closed import Closed, GateRules
from quietgrid.model.interval import Window
from quietgrid.model.party import MemberList
from quietgrid.model.question import Quantity
from quietgrid.pes import blind_bills, blind_totals
from quietgrid.pes.sums import widen

PER_DAY = 96
DAYS = 2
RULES = GateRules(k=2, max_share_percent=100)
WINDOW = Window(0, DAYS * PER_DAY, 900)
VERSIONS = 3


class Meters:
    """Readings and their ciphertexts under three pair keys: arrays [version, register, row, day, slot]."""

    def __init__(self, rows: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.plain = rng.integers(0, 5_000, (VERSIONS, 2, rows, DAYS, PER_DAY))
        self.keys = rng.integers(0, 256, (3, DAYS, rows, 32)).astype(np.uint8)
        self.sealed = self.plain.astype(np.uint64)
        for version, register, pair, day in np.ndindex(VERSIONS, 2, 3, DAYS):
            self.sealed[version, register, :, day] += masks(self.keys[pair, day], register, version, 900)
        self.members = MemberList(
            bytes(16), 0, 0, WINDOW, np.arange(1, rows + 1, dtype=np.uint64),
            np.arange(100, 100 + rows, dtype=np.uint64),
            np.zeros(rows, np.int32), np.array([3, 1] * rows, np.uint8)[:rows], np.full(rows, 5_000), ("leaf",),
        )  # fmt: skip

    def fetch(
        self, day: int, register: int, rows: NDArray[np.int64], version: NDArray[np.int16] | None
    ) -> NDArray[np.uint64]:
        """What the platform's store holds: garbage where nothing arrived."""
        slots = np.arange(PER_DAY)
        number = np.zeros((len(rows), PER_DAY), np.int16) if version is None else version
        found = self.sealed[np.maximum(number, 0), register, rows[:, None], day, slots[None]]
        return np.where(number >= 0, found, np.uint64(0xDEAD))

    def opened(self, blind: NDArray[np.uint64], components: list[NDArray[np.uint64]]) -> NDArray[np.int64]:
        return (blind - components[0] - components[1] - components[2]).view(np.int64)


def closes(rows: int, seed: int) -> list[Closed]:
    """Random arrivals in random versions; the second day in two pieces."""
    rng = np.random.default_rng(seed)
    out = []
    for day, a, b in ((0, 0, PER_DAY), (1, 0, 40), (1, 40, PER_DAY)):
        present = rng.random((rows, b - a)) < 0.8
        version = np.where(present, rng.integers(0, VERSIONS, present.shape), 0).astype(np.int16)
        out.append(Closed(0, day, a, b, present, version, bytes([day, a]) + bytes(30)))
    return out


def counted(meters: Meters, close: Closed, register: int) -> NDArray[np.int64]:
    """Plain readings of a close's cells, 0 where absent, int64 [rows, slots]."""
    slots = np.arange(close.a, close.b)
    rows = np.arange(len(close.present))
    plain = meters.plain[close.version, register, rows[:, None], close.day, slots[None]]
    return np.where(close.present, plain, 0)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 9), st.integers(0, 2**32 - 1), st.sampled_from(list(Quantity)))
def test_totals(rows: int, seed: int, quantity: Quantity) -> None:
    meters = Meters(rows, seed)
    exporters = meters.members.registers == 3
    if quantity is Quantity.EXPORT and exporters.sum() < 2:
        return
    rules = replace(RULES, disabled=frozenset({"partition"}))
    for close in closes(rows, seed):
        plan = totals_plan(meters.members, "leaf", quantity, [close], rules)
        blind = blind_totals(meters.fetch, plan, PER_DAY)
        opened = meters.opened(blind, [totals_component(meters.keys[p, close.day], plan, 900) for p in range(3)])
        imported, exported = counted(meters, close, 0), counted(meters, close, 1) * exporters[:, None]
        expected = {
            Quantity.IMPORT: imported, Quantity.EXPORT: exported, Quantity.NET: imported - exported,
        }[quantity].sum(axis=0)  # fmt: skip
        assert opened.tolist() == np.where(plan.allowed, expected, 0).tolist()


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 7), st.integers(0, 2**32 - 1), st.booleans())
def test_bills(rows: int, seed: int, with_late: bool) -> None:
    meters = Meters(rows, seed)
    rng = np.random.default_rng(seed + 1)
    weights = rng.integers(-4_095, 4_096, (3, len(WINDOW)))
    weights[1] = rng.integers(0, 2, len(WINDOW))
    registers = [0, 0, 1]
    pieces = closes(rows, seed)
    able = np.array([True] * rows), np.array([True] * rows), meters.members.registers == 3
    expected = np.stack(
        [
            np.concatenate([counted(meters, c, register) for c in pieces], axis=1) @ weights[f] * able[f]
            for f, register in enumerate(registers)
        ],
        axis=1,
    )
    late = []
    if with_late:
        cells = np.stack(
            [rng.integers(0, rows, 12), rng.integers(0, DAYS, 12), rng.integers(0, PER_DAY, 12),
             rng.integers(0, VERSIONS, 12)], axis=1,
        )  # fmt: skip
        signs = rng.choice([-1, 1], 12)
        late = [LateSet(1, cells, signs)]
        for (row, day, slot, version), sign in zip(cells.tolist(), signs.tolist(), strict=True):
            expected[row, 1] += sign * meters.plain[version, 0, row, day, slot]
    plan = bills_plan(meters.members, 0, WINDOW, pieces, (registers, weights), late)
    blind = blind_bills(meters.fetch, plan, PER_DAY)
    components = [bills_component(lambda day, p=p: meters.keys[p, day], plan, 900) for p in range(3)]  # type: ignore[misc]
    assert meters.opened(blind, components).tolist() == expected.tolist()


def test_a_blind_sum_alone_says_nothing() -> None:
    """The same readings under other keys: the blind sums have nothing in common with the plain ones."""
    first, second = Meters(5, 1), Meters(5, 1)
    rng = np.random.default_rng(9)
    second.keys = rng.integers(0, 256, second.keys.shape).astype(np.uint8)
    second.sealed = second.plain.astype(np.uint64)
    for version, register, pair, day in np.ndindex(VERSIONS, 2, 3, DAYS):
        second.sealed[version, register, :, day] += masks(second.keys[pair, day], register, version, 900)
    close = closes(5, 1)[0]
    plan = totals_plan(
        first.members, "leaf", Quantity.IMPORT, [close], replace(RULES, disabled=frozenset({"partition"}))
    )
    one, two = (blind_totals(m.fetch, plan, PER_DAY) for m in (first, second))
    assert not (one == two)[plan.allowed].any()
    assert np.unpackbits((one ^ two)[plan.allowed].view(np.uint8)).mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("a", [0, 40])
def test_versions_of_a_piece_in_its_day(a: int) -> None:
    assert widen(np.zeros((2, 3), np.int16), a, PER_DAY) is None
    number = np.array([[0, 2, 0], [1, 0, 0]], np.int16)
    wide = widen(number, a, PER_DAY)
    assert wide is not None
    assert wide[:, a : a + 3].tolist() == number.tolist()
    assert wide.sum() == 3
