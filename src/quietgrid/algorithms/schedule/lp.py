"""The linear programme: storages and flexible loads against prices and caps; one row a group, or one a home.

The same programme serves one storage a group (dual simplex, milliseconds) and one a home (interior point without
crossover). Only what can be moved is a column; what cannot is on the right-hand side. Levels are what is kept of a
solution: the programme lets energy go to waste, which pays only below a price of zero or at an export cap, and a second
solve with fixed directions forbids it where it did.
Source: Huangfu and Hall, "Parallelizing the dual revised simplex method", 2018 (HiGHS, MIT).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn, cast

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.schedule.local import steps_wh
from quietgrid.errors import InfeasibleError, InputError
from quietgrid.model.interval import Interval
from quietgrid.model.schedule import FULL, Aim, Ints, Outlook

Floats = NDArray[np.float64]
KWH, MICRO = 1e-3, 1e-6
MANY = 40
"""From so many storages on, the interior point method is faster than the simplex method."""
TIE = 1e-4
"""Weight of cost where only the peak counts, and the other way round: decides among equals."""


class Columns(NamedTuple):
    """First of each kind of variable: charged (0), given, level [n, t]; taken, so far [m, t]; in, out [t]; peak."""

    n: int
    m: int
    t: int
    given: int
    level: int
    taken: int
    so_far: int
    imported: int
    exported: int
    peak: int
    width: int


def columns(outlook: Outlook) -> Columns:
    """The columns of an outlook's programme."""
    n, m, t = len(outlook.storages), len(outlook.flexible), len(outlook.window)
    sizes = (n * t, n * t, n * t, m * t, m * t, t, t, 1)
    return Columns(n, m, t, *itertools.accumulate(sizes))


@dataclass
class Rows:
    """Rows as they are gathered: triplets and bounds."""

    count: int
    where: list[tuple[Ints, Ints, Floats]]
    lower: list[Floats]
    upper: list[Floats]

    def add(self, lower: Floats, upper: Floats, *terms: tuple[Ints, Ints, Any]) -> None:
        """Add rows with these bounds; each term is (row from 0, column, factor), broadcast to the rows' shape."""
        for row, column, factor in terms:
            self.join((row + self.count, column, factor))
        self.lower.append(lower.ravel())
        self.upper.append(upper.ravel())
        self.count += lower.size

    def join(self, term: tuple[Ints, Ints, Any]) -> None:
        """Put a further term into rows that are there: (row, column, factor), broadcast."""
        row, column, factor = np.broadcast_arrays(*term[:2], np.asarray(term[2], np.float64))
        self.where.append((row.ravel(), column.ravel(), factor.ravel()))


@dataclass(frozen=True)
class Found:
    """A solution.

    Args:
        level_wh: [n, t]. charged_wh, given_wh: [n, t], what the programme took and gave. taken_wh: [m, t].
        objective: In currency units. price: [g, t], what a kWh more in a group would cost, currency units.
    """

    level_wh: Floats
    charged_wh: Floats
    given_wh: Floats
    taken_wh: Floats
    objective: float
    price: Floats

    @property
    def takes(self) -> NDArray[np.bool_]:
        """bool [n, t]: whether a storage took more than it gave."""
        return np.asarray(self.charged_wh >= self.given_wh)


def solve(outlook: Outlook, *, directions: NDArray[np.bool_] | None = None) -> Found:
    """Solve the programme of `outlook`.

    Args:
        directions: bool [n, t], where a storage may only take (True) or only give, and nothing goes to waste;
            None: it may do both.

    Raises:
        InfeasibleError: no schedule keeps the caps; `limits` names them.

    Cost: 5 ms for one storage and 96 intervals; seconds for 1,000.
    """
    at = columns(outlook)
    variables = variables_of(outlook, at, directions)
    rows = rows_of(outlook, at, exact=directions is not None)
    done = run(variables, rows, many=at.n >= MANY)
    if done is None:
        _explain(outlook, at, variables, directions is not None)
    values, duals, objective = done
    parts = [values[first : first + at.n * at.t].reshape(at.n, at.t) / KWH for first in (at.level, 0, at.given)]
    return Found(
        np.clip(parts[0], 0, outlook.storages.capacity_wh[:, None]), parts[1], parts[2],
        values[at.taken : at.so_far].reshape(at.m, at.t) / KWH, objective, prices_of(outlook, at, duals),
    )  # fmt: skip


def prices_of(outlook: Outlook, at: Columns, duals: Floats) -> Floats:
    """[g, t]: what a kWh more in each group would cost: the balance's dual, and those of the caps it runs into."""
    first = (at.n + at.m) * at.t
    caps = duals[first : first + 2 * len(outlook.caps) * at.t].reshape(-1, 2, at.t).sum(axis=1)
    last = first + (2 * len(outlook.caps) + (0 if outlook.objective.aim is Aim.COST else 2)) * at.t
    price = np.repeat(duals[None, last : last + at.t], len(outlook.groups), axis=0)
    return np.asarray(price - caps[:-1] - caps[-1] if len(caps) else price, np.float64)


Variables = tuple[Floats, Floats, Floats]
"""Lower bound, upper bound and cost of each column."""


def variables_of(outlook: Outlook, at: Columns, directions: NDArray[np.bool_] | None) -> Variables:
    """Bounds and costs, in kWh and currency units."""
    lower, upper, cost = np.zeros(at.width), np.full(at.width, np.inf), np.zeros(at.width)
    store, aim = outlook.storages, outlook.objective
    seconds = outlook.window.resolution
    rise, fall = steps_wh(store, seconds)
    take = np.repeat((rise * FULL / store.charge_permille)[:, None], at.t, axis=1) * KWH
    give = np.repeat((fall * store.discharge_permille / FULL)[:, None], at.t, axis=1) * KWH
    if directions is not None:
        take, give = np.where(directions, take, 0.0), np.where(directions, 0.0, give)
    upper[: at.given], upper[at.given : at.level] = take.ravel(), give.ravel()
    upper[at.level : at.taken] = np.repeat(store.capacity_wh * KWH, at.t)
    last = at.level + np.arange(at.n) * at.t + at.t - 1
    lower[last] = store.end_wh * KWH
    for number, load in enumerate(outlook.flexible):
        here = number * at.t
        upper[at.taken + here : at.taken + here + at.t] = load.power_wh * KWH
        lower[at.so_far + here : at.so_far + here + at.t] = load.least_wh * KWH
        upper[at.so_far + here : at.so_far + here + at.t] = load.most_wh * KWH
    lower[at.peak] = aim.peak_before_w * KWH
    money = TIE if aim.aim is Aim.PEAK else 1.0
    cost[at.imported : at.exported] = outlook.import_price * MICRO * money
    cost[at.exported : at.peak] = -outlook.export_price * MICRO * money
    cost[at.given : at.level] = aim.wear_micro_per_kwh * MICRO * money
    cost[last] = -aim.stored_micro_per_kwh * MICRO * money
    cost[at.peak] = {Aim.COST: 0.0, Aim.PEAK: 1.0, Aim.MIX: aim.peak_micro_per_kw * MICRO}[aim.aim]
    return lower, upper, cost


def rows_of(outlook: Outlook, at: Columns, *, exact: bool) -> Rows:
    """Levels, loads, caps, peak and, last, the balance of the community."""
    rows, t, store = Rows(0, [], [], []), np.arange(at.t), outlook.storages
    one = np.arange(at.n)[:, None] * at.t + t
    start = np.zeros((at.n, at.t))
    start[:, 0] = store.level_wh * KWH
    before = np.where(t > 0, one - 1, one)
    arrive, let_out = store.charge_permille[:, None] / FULL, FULL / store.discharge_permille[:, None]
    rows.add(
        start if exact else np.full_like(start, -np.inf), start, (one, at.level + one, 1.0),
        (one, at.level + before, np.where(t > 0, -1.0, 0.0)), (one, one, -arrive), (one, at.given + one, let_out),
    )  # fmt: skip
    two = np.arange(at.m)[:, None] * at.t + t
    nothing = np.zeros((at.m, at.t))
    rows.add(
        nothing, nothing, (two, at.so_far + two, 1.0), (two, at.so_far + np.where(t > 0, two - 1, two),
        np.where(t > 0, -1.0, 0.0)), (two, at.taken + two, -1.0),
    )  # fmt: skip
    for number in range(len(outlook.caps)):
        _cap(rows, outlook, at, number)
    net = outlook.net_wh.sum(axis=0) * KWH
    if outlook.objective.aim is not Aim.COST:
        hours = outlook.window.resolution / 3_600
        low, high = outlook.low_wh.sum(axis=0) * KWH, outlook.high_wh.sum(axis=0) * KWH
        for first, margin in ((at.imported, high - net), (at.exported, net - low)):
            rows.add(np.full(at.t, -np.inf), -margin / hours, (t, first + t, 1.0 / hours), (t, t * 0 + at.peak, -1.0))
    rows.add(
        net, net, (t, at.imported + t, 1.0), (t, at.exported + t, -1.0), (t[None], one, -1.0),
        (t[None], at.given + one, 1.0), (t[None], at.taken + two, -1.0),
    )  # fmt: skip
    return rows


def margin_wh(outlook: Outlook, number: int) -> int:
    """What a plan stays below cap `number` because every storage and load is rounded to whole Wh."""
    if number == len(outlook.groups):
        return len(outlook.storages) + len(outlook.flexible)
    loads = sum(load.group == number for load in outlook.flexible)
    return int((outlook.storages.groups == number).sum()) + loads


def _cap(rows: Rows, outlook: Outlook, at: Columns, number: int) -> None:
    """Rows of one cap: both ends of the forecast's band stay within it."""
    cap, t = outlook.caps[number], np.arange(at.t)
    whole = number == len(outlook.groups)
    groups = np.arange(len(outlook.groups)) if whole else np.array([number])
    low, high = outlook.low_wh[groups].sum(axis=0), outlook.high_wh[groups].sum(axis=0)
    storages = np.flatnonzero(np.isin(outlook.storages.groups, groups))[:, None] * at.t + t
    loads = np.array([n for n, load in enumerate(outlook.flexible) if load.group in groups], np.int64)
    moved = loads[:, None] * at.t + t
    spare = margin_wh(outlook, number)
    terms = (t[None], storages, 1.0), (t[None], at.given + storages, -1.0), (t[None], at.taken + moved, 1.0)
    rows.add(np.full(at.t, -np.inf), (cap.import_wh - high - spare) * KWH, *terms)
    rows.add((-cap.export_wh - low + spare) * KWH, np.full(at.t, np.inf), *terms)


def run(variables: Variables, rows: Rows, *, many: bool) -> tuple[Floats, Floats, float] | None:
    """Values, duals and objective; None where nothing satisfies the rows."""
    import highspy

    lower, upper, cost = variables
    kept = [tuple(part[factor != 0] for part in (row, column, factor)) for row, column, factor in rows.where]
    row, column, factor = (np.concatenate([term[i] for term in kept]) for i in range(3))
    order = np.lexsort((row, column))
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = len(cost), rows.count
    model.col_cost_, model.col_lower_, model.col_upper_ = cost, lower, upper
    model.row_lower_, model.row_upper_ = np.concatenate(rows.lower), np.concatenate(rows.upper)
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_ = np.searchsorted(column[order], np.arange(len(cost) + 1)).astype(np.int32)
    model.a_matrix_.index_ = row[order].astype(np.int32)
    model.a_matrix_.value_ = factor[order]
    engine = cast(Any, highspy).Highs()
    engine.silent()
    engine.setOptionValue("threads", 1)
    if many:
        engine.setOptionValue("solver", "ipm")
        engine.setOptionValue("run_crossover", "off")
    engine.passModel(model)
    engine.run()
    status = engine.getModelStatus()
    if status in (highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kUnboundedOrInfeasible):
        return None
    if status != highspy.HighsModelStatus.kOptimal:
        raise InputError(
            f"the schedule's programme ended as {engine.modelStatusToString(status)}", where="outlook",
            fix="check sizes: energies in Wh, prices in millionths a kWh",
        )  # fmt: skip
    found = engine.getSolution()
    return np.array(found.col_value), np.array(found.row_dual), float(engine.getInfo().objective_function_value)


def _explain(outlook: Outlook, at: Columns, variables: Variables, exact: bool) -> NoReturn:
    """Find what must give way: every cap and every level wanted at the end may be broken, as little as possible."""
    lower, upper, cost = (part.copy() for part in variables)
    last = at.level + np.arange(at.n) * at.t + at.t - 1
    ends, lower[last] = lower[last].copy(), 0.0
    rows = rows_of(outlook, at, exact=exact)
    cost[:] = 0.0
    first, over = at.width, len(outlook.caps) * at.t
    begin = (at.n + at.m) * at.t
    number = np.arange(over)
    extra = 2 * over + at.n
    for lower_side, (sign, shift) in enumerate(((-1.0, 0), (1.0, over))):
        row = begin + number // at.t * 2 * at.t + lower_side * at.t + number % at.t
        rows.join((row, first + shift + number, sign))
    short = np.arange(at.n)
    rows.add(ends, np.full(at.n, np.inf), (short, last, 1.0), (short, first + 2 * over + short, 1.0))
    found = run(
        (np.append(lower, np.zeros(extra)), np.append(upper, np.full(extra, np.inf)), np.append(cost, np.ones(extra))),
        rows, many=at.n >= MANY,
    )  # fmt: skip
    if found is None:
        raise InfeasibleError(
            "a flexible load needs more than its power and curves allow", limits=("flexible",), where="outlook",
            fix="a later departure, less energy, or more power",
        )  # fmt: skip
    values = found[0][first:]
    broken = [
        (cap.name, side, values[shift + i * at.t : shift + (i + 1) * at.t])
        for side, shift in (("import", 0), ("export", over))
        for i, cap in enumerate(outlook.caps)
    ]
    said, names = [], []
    for name, side, amount in broken:
        if amount.max(initial=0) > KWH:
            when = Interval(outlook.window.first + int(amount.argmax()), outlook.window.resolution).start
            power = amount.max() * 3_600 / outlook.window.resolution
            said.append(f"{side} cap of {name} by {power:.1f} kW at {when:%Y-%m-%d %H:%M} UTC")
            names.append(f"{name} {side}")
    if not said:
        said, names = ["the level wanted in the storages at the end"], ["end level"]
    raise InfeasibleError(
        "no schedule keeps " + ", nor ".join(said), limits=tuple(names), where="outlook",
        fix="raise that limit, curtail or shed, or ask less of the storages",
    )  # fmt: skip
