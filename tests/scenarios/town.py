"""A community over real or sample readings whose every total and bill is known: the plain sums and plain bills.

`state` says of each cell (resident row × interval) what became of it. The oracle of bills is `tests.billing.plain`:
Python integers and zoneinfo, nothing of the pipeline.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quietgrid.billing import Bill, default_tariffs
from quietgrid.lab.community import Community, Resident
from quietgrid.meter import SealedFrame
from quietgrid.model.interval import Window, slots_per_day
from quietgrid.model.party import Party, PartyKind
from quietgrid.model.question import Quantity
from quietgrid.model.readings import EXPORT, IMPORT, Readings
from quietgrid.model.tariff import Tariff
from quietgrid.runtime.periods import BillingRun
from tests.billing.plain import LATE, MISSING, ON_TIME, Month, Plain, plain_bill
from tests.billing.runs import FEED, published

KINDS = ("flat", "time-of-use", "block", "real-time")
STATES = np.array([MISSING, ON_TIME, LATE])
GONE, TIMELY, BEHIND = range(3)
ROUND_DAYS = 7


def tariffs_for(tz: str, currency: str) -> list[Tariff]:
    """The default tariffs under the names of their kinds."""
    return [replace(t, name=t.kind.value, tz=tz, currency=currency) for t in default_tariffs()]


def residents(
    readings: Readings, tariffs: list[str], feeders: list[str], registers: list[int] | None = None
) -> list[Resident]:
    """One resident a row, in row order."""
    bits = registers or [1] * len(readings.meters)
    return [
        Resident(
            Party(500 + row, f"Home {row}", PartyKind.RESIDENTIAL, feeders[row], 14_500, tariffs[row]),
            int(pid), bits[row],
        )
        for row, pid in enumerate(readings.meters)
    ]  # fmt: skip


class Town:
    """A community in one process, and what it should open.

    `prices`: published prices of the whole window of `readings`, if anyone has a real-time tariff.
    """

    def __init__(
        self, folder: Path, readings: Readings, people: list[Resident], tariffs: list[Tariff], periods: list[Window],
        prices: NDArray[np.int64],
    ) -> None:  # fmt: skip
        self.readings, self.people, self.periods, self.prices = readings, people, periods, prices
        self.tariffs = {tariff.name: tariff for tariff in tariffs}
        self.community = Community(folder, people, readings.window, tariffs, tz=tariffs[0].tz)
        self.members = self.community.join()
        for period in periods:
            self.community.platform.publish_prices(FEED, period.first, self._prices(period).tolist())
            self.community.register_books(period)
        self.state = np.full(readings.present.shape, GONE, np.int8)
        self.stuck_pids: set[int] = set()
        self.stuck: list[SealedFrame] = []
        """Late frames of these meters stay here until a test sends them."""

    def close(self) -> None:
        self.community.close()

    def _part(self, window: Window) -> slice:
        return slice(window.first - self.readings.window.first, window.end - self.readings.window.first)

    def _prices(self, window: Window) -> NDArray[np.int64]:
        return self.prices[self._part(window)]

    # -- life --------------------------------------------------------------------------------------------------------

    def live(self, window: Window, state: NDArray[np.int8]) -> None:
        """Some days: what is timely is closed and opened; what is behind arrives a few days after its close."""
        self.state[:, self._part(window)] = state
        per_day = slots_per_day(window.resolution)
        days = [Window(d * per_day + a, d * per_day + b, window.resolution) for d, a, b in window.by_day()]
        for at in range(0, len(days), ROUND_DAYS):
            for day in days[at : at + ROUND_DAYS]:
                cut, mine = self.readings.cut(day), self.state[:, self._part(day)]
                kept = cut.present & (mine != GONE)
                zero = np.where(kept, cut.imported_wh, 0), np.where(kept, cut.exported_wh, 0)
                whole = replace(cut, imported_wh=zero[0], exported_wh=zero[1], present=kept)
                self.community.measure(whole, mine == BEHIND)
            outcomes = self.community.settle()
            assert not outcomes.refused
            assert not outcomes.waiting
            held = self.community.held
            self.stuck += [frame for frame in held if frame.pid in self.stuck_pids]
            self.community.held = [frame for frame in held if frame.pid not in self.stuck_pids]
            self.community.deliver_late()

    def gaps(self, window: Window, missing: float, late: float, seed: int) -> NDArray[np.int8]:
        """A state of these days with so many cells missing and late; what the data lack is missing."""
        present = self.readings.cut(window).present
        draw = np.random.default_rng(seed).random(present.shape)
        state = np.where(draw < missing, GONE, np.where(draw < missing + late, BEHIND, TIMELY))
        return np.where(present, state, GONE).astype(np.int8)

    def bill(self, period: Window) -> BillingRun:
        """A billing run that must answer every leaf."""
        run = self.community.periods.run(period)
        assert run.outcomes.answered == len(self.members.leaf_names)
        assert run.bills == len(self.people)
        assert self.community.periods.balanced(period)
        return run

    def bill_of(self, row: int, period: Window) -> Bill:
        return self.community.periods.bill(self.people[row].party.home, period)

    # -- what it should be -------------------------------------------------------------------------------------------

    def check_totals(self, window: Window) -> int:
        """Every opened total equals the plain sum of what arrived in time; how many numbers there are."""
        row_of = {r.pid: row for row, r in enumerate(self.people)}
        rows = np.array([row_of[int(pid)] for pid in self.members.pids])
        cut = self.readings.cut(window)
        timely = self.state[rows][:, self._part(window)] == TIMELY
        wh = {IMPORT: np.where(timely, cut.imported_wh[rows], 0), EXPORT: np.where(timely, cut.exported_wh[rows], 0)}
        names, numbers = self.members.leaf_names, 0
        with self.community.platform.parts.store.read() as tx:
            nodes = tx.totals.nodes()
            totals = [tx.totals.total(node, quantity, window) for node, quantity in nodes]
        assert {node for node, _ in nodes} >= set(names)
        for total in totals:
            inside = np.ones(len(rows), np.bool_)
            if total.node in names:
                inside = self.members.leaves == names.index(total.node)
            else:
                assert all(q is Quantity.NET for node, q in nodes if node in names), "the union is of all leaves here"
            plain = wh[EXPORT if total.quantity is Quantity.EXPORT else IMPORT][inside].sum(axis=0)
            if total.quantity is Quantity.NET:
                plain = plain - wh[EXPORT][inside].sum(axis=0)
            able = inside & (self.members.registers >> int(total.quantity is Quantity.EXPORT) & 1).astype(np.bool_)
            arrived = timely[able].sum(axis=0)
            assert total.answered.tolist() == (arrived >= 15).tolist()
            assert total.homes.tolist() == arrived.tolist()
            assert total.energy_wh[total.answered].tolist() == plain[total.answered].tolist()
            numbers += int(total.answered.sum())
        return numbers

    def month(self, row: int, period: Window, waiting: bool = False) -> Month:
        """One home's raw period; `waiting`: its late cells have not been taken in."""
        cut, part = self.readings.cut(period), self._part(period)
        state = self.state[row, part].copy()
        if waiting:
            state[state == BEHIND] = GONE
        unix = [slot * period.resolution for slot in range(period.first, period.end)]
        return Month(unix, cut.imported_wh[row].tolist(), cut.exported_wh[row].tolist(), STATES[state].tolist())

    def plain(self, row: int, period: Window, waiting: bool = False, export_waits: bool | None = None) -> Plain:
        """The plain bill of one home; `export_waits` where the two registers differ."""
        leaf = self.members.leaves[self.members.row_of[self.people[row].pid]]
        homes = set(self.members.homes_in(int(leaf)).tolist())
        names = sorted({r.party.tariff for r in self.people if r.party.home in homes})
        shared = [self.tariffs[name] for name in names], published(self._prices(period))
        tariff = self.tariffs[self.people[row].party.tariff]
        bill = plain_bill(tariff, self.month(row, period, waiting), *shared)
        if export_waits is None or export_waits == waiting or not self.people[row].registers & 2:
            return bill
        other = plain_bill(tariff, self.month(row, period, export_waits), *shared)
        credit = {key: amount for key, amount in other.amounts.items() if key[0].startswith("earned")}
        bill.total_micro += sum(credit.values()) - sum(bill.amounts[key] for key in credit)
        bill.amounts.update(credit)
        return bill

    def check_bills(self, period: Window, **waiting: bool) -> list[Bill]:
        """Every bill equals the plain bill, line by line, to the micro-unit."""
        found = []
        for row in range(len(self.people)):
            bill, plain = self.bill_of(row, period), self.plain(row, period, **waiting)
            assert bill.total_micro == plain.total_micro, row
            assert bill.imported_wh == plain.imported_wh, row
            ours = sorted(line.amount_micro for line in bill.lines if line.amount_micro)
            assert ours == sorted(amount for amount in plain.amounts.values() if amount), row
            found.append(bill)
        return found
