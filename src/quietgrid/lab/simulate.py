"""`simulate`: a whole community for some days, with real sealing, gate, votes, totals and bills, and its own check.

The simulator made the readings up (or read them from a file), so it knows what every total and bill should be. It
compares all of them, exactly, and says so.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from quietgrid.crypto.secret.masks import kernel_name, warm
from quietgrid.errors import InputError
from quietgrid.lab.community import Community
from quietgrid.lab.plain import LATE, MISSING, ON_TIME, PlainLeaf, Register, plain_bill
from quietgrid.lab.series import FEED, Input, feed_of, sample_input, series_input
from quietgrid.model.interval import Window, local_days, local_window, month_window, slots_per_day
from quietgrid.model.party import MemberList
from quietgrid.model.question import Quantity
from quietgrid.model.readings import EXPORT, IMPORT, Readings
from quietgrid.runtime.periods import BillingRun
from quietgrid.runtime.series_file import load_series

ROUND_DAYS = 7
"""Days closed in one round; late frames come after it."""
BILL_DAYS = 28
MAX_GAPS = 0.25
Progress = Callable[[str, int, int], None]
"""Called with (stage, done, of)."""


@dataclass
class Report:
    """What a simulation did; everything in it is open anyway or known to the simulator alone.

    Args:
        homes, meters, leaves, days, resolution, intervals: the community and its time.
        kernel: which kernel made the masks.
        readings_sealed: readings sealed (a meter with two registers has two an interval); sealed_bytes: frames' bytes.
        cells_missing, cells_late: of all meters × intervals.
        totals_opened, totals_refused: totals of one interval; refused by rule. totals_equal: all opened ones equal the
            plain sums exactly.
        periods, bills, bills_estimated, late_cells_billed: from 28 days on. bills_checked, bills_equal: of those that
            the plain bill can be made for, how many equal it to the millionth.
        ledger_entries: in each keyholder's privacy ledger.
        imported_wh, exported_wh: delivered energy.
        cpu_s: CPU seconds by stage. wall_s: seconds in all.
    """

    homes: int
    meters: int
    leaves: int
    days: int
    resolution: int
    intervals: int
    kernel: str
    readings_sealed: int = 0
    sealed_bytes: int = 0
    cells_missing: int = 0
    cells_late: int = 0
    totals_opened: int = 0
    totals_refused: dict[str, int] = field(default_factory=dict)
    totals_equal: bool = True
    periods: int = 0
    bills: int = 0
    bills_estimated: int = 0
    late_cells_billed: int = 0
    bills_checked: int = 0
    bills_equal: int = 0
    ledger_entries: int = 0
    imported_wh: int = 0
    exported_wh: int = 0
    cpu_s: dict[str, float] = field(default_factory=dict)
    wall_s: float = 0.0

    @property
    def exact(self) -> bool:
        """Whether every total and every checked bill is what it should be."""
        return self.totals_equal and self.bills_checked == self.bills_equal

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {**asdict(self), "exact": self.exact}


def simulate(  # noqa: PLR0913  (a scenario is these numbers)
    homes: int,
    days: int,
    resolution: int = 900,
    *,
    source: str = "sample",
    seed: int = 1,
    missing: float = 0.0,
    late: float = 0.0,
    progress: Progress | None = None,
    folder: Path | None = None,
) -> Report:
    """Run a community in this process and compare everything it opens with what it should be.

    Args:
        homes, days: How many; from 28 days on bills are made, for calendar months where one fits.
        resolution: Seconds, 900 or 1800. source: ``sample``, or a file of imported series (`load_series`).
        seed: Decides which readings are missing and late.
        missing, late: Share of all readings that is never delivered; that is delivered after its close.
        progress: Called with (stage, done, of). folder: where the community is kept; a temporary one unless given.

    Raises:
        InputError: numbers that do not fit. SourceError: a file that cannot be read.
    """
    if min(missing, late) < 0 or missing + late > MAX_GAPS:
        raise InputError("that much cannot be missing or late", where="missing, late", fix=f"together <= {MAX_GAPS}")
    began = time.monotonic()
    with TemporaryDirectory(prefix="quietgrid-") as scratch:
        place = folder or Path(scratch)
        timer = Timer()
        with timer("load"):
            warm()
            given = (
                sample_input(homes, days, resolution)
                if source == "sample"
                else series_input(load_series(Path(source)), homes, days, resolution)
            )
        simulation = Simulation(given, place, timer, progress or (lambda stage, done, of: None))
        report = simulation.run((missing, late), seed)
    report.wall_s = round(time.monotonic() - began, 3)
    return report


class Timer:
    """CPU seconds by stage."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Count what happens inside towards a stage."""
        begin = time.process_time()
        yield
        self.seconds[stage] += time.process_time() - begin  # type: ignore[assignment]  # Counter of floats


class Simulation:
    """One run: measure, close, open, bill, compare.

    Args:
        given: What it runs on. folder: where the community is kept. timer: of its stages. progress: see `simulate`.
    """

    def __init__(self, given: Input, folder: Path, timer: Timer, progress: Progress) -> None:
        self._given, self._timer, self._progress = given, timer, progress
        self._readings = given.readings
        window = self._readings.window
        self._periods = billing_periods(window, given.tz)
        self._days = [Window(*_span(part, window.resolution), window.resolution) for part in window.by_day()]
        with timer("join"):
            tail = Window(window.first, max([window.end, *(p.end for p in self._periods)]), window.resolution)
            self._community = Community(folder, given.residents, tail, given.tariffs, tz=given.tz)
            self._members: MemberList = self._community.join()
            for period in self._periods:
                self._community.platform.publish_prices(FEED, period.first, feed_of(period).tolist())
                self._community.register_books(period)
        self._state = np.full(self._readings.present.shape, MISSING, np.int8)
        self._report = Report(
            len({r.party.home for r in given.residents}), len(given.residents), len(self._members.leaf_names),
            len(local_days(window, given.tz)), window.resolution, len(window), kernel_name(),
        )  # fmt: skip

    def run(self, gaps: tuple[float, float], seed: int) -> Report:
        """Everything, in order.

        Args:
            gaps: shares of readings missing and late. seed: decides which.
        """
        try:
            for at in range(0, len(self._days), ROUND_DAYS):
                self._round(self._days[at : at + ROUND_DAYS], gaps, seed)
                self._progress("days", min(len(self._days), at + ROUND_DAYS), len(self._days))
            self._count()
            with self._timer("check"):
                self._check_totals()
            for number, period in enumerate(self._periods):
                with self._timer("bills"):
                    run = self._community.periods.run(period)
                with self._timer("check"):
                    self._check_bills(period, run)
                self._progress("bills", number + 1, len(self._periods))
            return self._finish()
        finally:
            self._community.close()

    def _round(self, days: list[Window], gaps: tuple[float, float], seed: int) -> None:
        """Some days from meters to opened totals; then the late frames arrive."""
        report, refused = self._report, Counter(self._report.totals_refused)
        for day in days:
            cut = self._readings.cut(day)
            draw = np.random.default_rng([seed, day.first]).random(cut.present.shape)
            lost, behind = draw < gaps[0], (draw >= gaps[0]) & (draw < gaps[0] + gaps[1]) & cut.present
            part = slice(day.first - self._readings.window.first, day.end - self._readings.window.first)
            kept = _without(cut, lost)
            self._state[:, part] = np.where(kept.present, np.where(behind, LATE, ON_TIME), MISSING)
            with self._timer("seal"):
                frames = self._community.seal(kept, behind)
            report.sealed_bytes += sum(len(sent.frame) for sent in frames)
            with self._timer("ingest"):
                self._community.send(frames)
        with self._timer("totals"):
            outcomes = self._community.settle()
        refused.update(refusal.rule for _, refusal in outcomes.refused)
        report.totals_refused = dict(refused)
        report.sealed_bytes += sum(len(sent.frame) for sent in self._community.held)
        with self._timer("ingest"):
            self._community.deliver_late()

    def _count(self) -> None:
        report, r = self._report, self._readings
        delivered = self._state != MISSING
        registers = np.array([resident.registers.bit_count() for resident in self._given.residents], np.int64)
        report.readings_sealed = int(delivered.sum(axis=1) @ registers)
        report.cells_missing = int((~delivered).sum())
        report.cells_late = int((self._state == LATE).sum())
        report.imported_wh = int(r.imported_wh[delivered].sum())
        report.exported_wh = int(r.exported_wh[delivered].sum())

    def _finish(self) -> Report:
        heads = []
        for keyholder in self._community.keyholders:
            with keyholder.parts.store.read() as tx:
                heads.append(tx.ledger.head()[0])
        self._report.ledger_entries = max(heads)
        self._report.cpu_s = {stage: round(seconds, 3) for stage, seconds in self._timer.seconds.items()}
        return self._report

    # -- what it should be -----------------------------------------------------------------------------------------

    def _check_totals(self) -> None:
        """Every opened total against the sum of what was delivered in time."""
        report, r = self._report, self._readings
        refused = Counter(report.totals_refused)
        row_of = {int(pid): row for row, pid in enumerate(r.meters)}
        rows = np.array([row_of[int(pid)] for pid in self._members.pids], np.int64)
        on_time = self._state[rows] == ON_TIME
        columns = {
            register: np.where(on_time & (self._members.registers >> register & 1)[:, None].astype(np.bool_), wh, 0)
            for register, wh in ((IMPORT, r.imported_wh[rows]), (EXPORT, r.exported_wh[rows]))
        }
        with self._community.platform.parts.store.read() as tx:
            totals = [tx.totals.total(node, quantity, r.window) for node, quantity in tx.totals.nodes()]
        for total in totals:
            plain = plain_total(self._members, self._community.rules.k, (total.node, total.quantity), columns)
            report.totals_equal &= np.array_equal(total.energy_wh[total.answered], plain[total.answered])
            report.totals_opened += int(total.answered.sum())
            under = ~total.answered & (total.homes < self._community.rules.k)
            refused["floor"] += int(under.sum())
            refused["share"] += int((~total.answered & ~under).sum())
        report.totals_refused = {rule: count for rule, count in refused.items() if count}

    def _check_bills(self, period: Window, run: BillingRun) -> None:
        """Every bill of a period against the plain bill."""
        report = self._report
        report.periods += 1
        report.bills += run.bills
        report.bills_estimated += run.estimated
        report.late_cells_billed += run.late_cells
        tariffs = {tariff.name: tariff for tariff in self._given.tariffs}
        part = slice(period.first - self._readings.window.first, period.end - self._readings.window.first)
        state, readings = self._state[:, part], self._readings.cut(period)
        for leaf in range(len(self._members.leaf_names)):
            homes = set(self._members.homes_in(leaf).tolist())
            rows = [row for row, r in enumerate(self._given.residents) if r.party.home in homes]
            used = {self._given.residents[row].party.tariff for row in rows}
            plain = PlainLeaf(period, tuple(tariffs[name] for name in sorted(used)), {FEED: feed_of(period)})
            entered = self._entered(plain, rows, state)
            for at, row in enumerate(rows):
                resident = self._given.residents[row]
                imported = Register(readings.imported_wh[row], entered[IMPORT][at])
                exported = Register(readings.exported_wh[row], entered[EXPORT][at]) if resident.registers & 2 else None
                if not _enough(plain, imported, exported):
                    continue
                bill = self._community.periods.bill(resident.party.home, period)
                should = plain_bill(tariffs[resident.party.tariff], plain, imported, exported)
                report.bills_checked += 1
                report.bills_equal += (bill.total_micro, bill.imported_wh) == should

    def _entered(self, leaf: PlainLeaf, rows: list[int], state: NDArray[np.int8]) -> dict[int, NDArray[np.int8]]:
        """States by register: a late cell that fewer than k homes have company for is still waiting."""
        out = {}
        for register, groups in ((IMPORT, leaf.import_groups), (EXPORT, leaf.export_groups)):
            mine = state[rows].copy()
            able = np.array([self._given.residents[row].registers >> register & 1 for row in rows], np.bool_)
            for where in groups.values():
                behind = (mine == LATE) & where & able[:, None]
                if np.count_nonzero(behind.any(axis=1)) < self._community.rules.k:
                    mine[behind] = MISSING
            out[register] = mine
        return out


def plain_total(
    members: MemberList, k: int, asked: tuple[str, Quantity], columns: Mapping[int, NDArray[np.int64]]
) -> NDArray[np.int64]:
    """int64 [t]: what a total should be, from plain readings.

    Args:
        members: The list. k: the floor. asked: node and quantity. columns: register -> Wh int64 [rows of the list, t].
    """
    node, quantity = asked
    names = members.leaf_names
    if node in names:
        inside = members.leaves == names.index(node)
    else:
        exporters = [int((members.registers[members.rows(leaf)] >> EXPORT & 1).sum()) for leaf in range(len(names))]
        inside = np.isin(members.leaves, [leaf for leaf, count in enumerate(exporters) if 0 < count < k])
    if quantity is Quantity.NET:
        net: NDArray[np.int64] = columns[IMPORT][inside].sum(axis=0) - columns[EXPORT][inside].sum(axis=0)
        return net
    plain: NDArray[np.int64] = columns[IMPORT if quantity is Quantity.IMPORT else EXPORT][inside].sum(axis=0)
    return plain


def billing_periods(window: Window, tz: str) -> list[Window]:
    """The calendar months inside a window, or else its first 28 days, or else nothing."""
    where = ZoneInfo(tz)
    day = window.start_time.astimezone(where).date()
    last = window.end_time.astimezone(where).date()
    months, at = [], day.replace(day=1)
    while at < last:
        month = month_window(at.year, at.month, tz, window.resolution)
        if window.first <= month.first and month.end <= window.end:
            months.append(month)
        at = (at + timedelta(days=32)).replace(day=1)
    first = local_window(day, day + timedelta(days=BILL_DAYS), tz, window.resolution)
    if not months and window.first <= first.first and first.end <= window.end:
        return [first]
    return months


def _span(piece: tuple[int, int, int], resolution: int) -> tuple[int, int]:
    day, a, b = piece
    per_day = slots_per_day(resolution)
    return day * per_day + a, day * per_day + b


def _without(readings: Readings, lost: NDArray[np.bool_]) -> Readings:
    present = readings.present & ~lost
    return replace(
        readings, imported_wh=np.where(present, readings.imported_wh, 0),
        exported_wh=np.where(present, readings.exported_wh, 0), present=present,
    )  # fmt: skip


def _enough(leaf: PlainLeaf, imported: Register, exported: Register | None) -> bool:
    """Whether each of the home's sums rests on enough cells in time to open; the check knows no other estimate."""
    pairs = [(imported, where) for where in leaf.import_groups.values()]
    pairs += [(exported, where) for where in leaf.export_groups.values()] if exported is not None else []
    return all(40 * int(((r.state == ON_TIME) & where).sum()) >= len(leaf.window) for r, where in pairs)
