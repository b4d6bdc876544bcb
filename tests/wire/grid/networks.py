"""Networks for the tests: any radial one, and whether two are the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from quietgrid.model.network import NO_GROUP, Lines, Network, Nodes, Sources, Transformers, UnitKind, Units

GRIDS = Path(__file__).parents[3] / "vectors" / "grids"


def assert_same(one: Network, two: Network) -> None:
    """Every column equal, NaN to NaN."""
    assert (one.name, one.groups, one.frequency_hz) == (two.name, two.groups, two.frequency_hz)
    for table in ("nodes", "lines", "transformers", "sources", "units"):
        for name, column in vars(getattr(one, table)).items():
            other = getattr(getattr(two, table), name)
            if isinstance(column, tuple):
                assert column == other, f"{table}.{name}"
            else:
                np.testing.assert_array_equal(column, other, err_msg=f"{table}.{name}")
                assert column.dtype == other.dtype, f"{table}.{name}"


def floats(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False, allow_subnormal=False)


@st.composite
def radial(draw: st.DrawFn) -> Network:
    """A 20 kV busbar, one transformer and a tree of cables below it; some switches are open, some lines couplers."""
    n = draw(st.integers(2, 12))
    names = draw(st.lists(st.text(min_size=1, max_size=8).filter(str.strip), min_size=n, max_size=n, unique=True))
    parents = [draw(st.integers(1, row - 1)) for row in range(2, n)]
    groups = draw(st.lists(st.sampled_from([NO_GROUP, 0, 1]), min_size=n, max_size=n))
    m, u = len(parents), draw(st.integers(0, 8))

    def column(rows: int, low: float, high: float) -> np.ndarray:
        return np.array(draw(st.lists(floats(low, high), min_size=rows, max_size=rows)), np.float64)

    def flags(rows: int) -> np.ndarray:
        return np.array(draw(st.lists(st.booleans(), min_size=rows, max_size=rows)), np.bool_)

    coupler = flags(m)
    places = column(n, -1000, 1000)
    places[draw(st.integers(0, n - 1))] = np.nan
    lines = Lines(
        tuple(f"line {row}" for row in range(m)), np.array(parents, np.int32), np.arange(2, n, dtype=np.int32),
        np.where(coupler, 0, column(m, 1e-4, 1)), np.where(coupler, 0, column(m, 1e-4, 1)),
        np.where(coupler, 0, column(m, 0, 1e-6)), np.where(flags(m), np.inf, column(m, 10, 500)), flags(m), flags(m),
    )  # fmt: skip
    one = np.ones(1)
    transformers = Transformers(
        ("transformer",), np.zeros(1, np.int32), np.ones(1, np.int32), 20_000 * one, 400 * one, 4e5 * one, 0.06 * one,
        4_800 * one, 1_200 * one, 0.01 * one, np.array([draw(st.integers(0, 11))], np.int32),
        np.array([draw(st.integers(-2, 2))], np.int32), np.array([-2], np.int32), np.array([2], np.int32),
        np.zeros(1, np.int32), np.array([0.025]), flags(1), flags(1), flags(1), flags(1),
    )  # fmt: skip
    kinds = tuple(draw(st.lists(st.sampled_from(list(UnitKind)), min_size=u, max_size=u)))
    units = Units(
        tuple(f"unit {row}" for row in range(u)),
        np.array(draw(st.lists(st.integers(0, n - 1), min_size=u, max_size=u)), np.int32), kinds, column(u, 0, 1e5),
        column(u, -1e4, 1e4), column(u, 0, 1e5), np.where(flags(u), np.nan, column(u, 0, 1e7)),
        tuple(draw(st.lists(st.sampled_from(["", "H0-A"]), min_size=u, max_size=u))), flags(u),
    )  # fmt: skip
    nodes = Nodes(tuple(names), np.array([20_000.0] + [400.0] * (n - 1)), np.array(groups, np.int32), places, places)
    sources = Sources(("grid",), np.zeros(1, np.int32), np.array([draw(floats(0.9, 1.1))]), flags(1))
    return Network("any", nodes, lines, transformers, sources, units, ("North", "South"), 50.0)
