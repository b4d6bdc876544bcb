"""The leverage audit: can the answers of one leaf and period be combined into a number about fewer homes?

Every opened answer is one row of a matrix M over all cells (home, register, interval): a total is one row an
interval, a fact one row of one home. A set B of homes is *exposed* when

    rank M - rank(M without B's columns) - rank(facts of B) > 0,

that is when some combination of answers involves B's cells only and is not one of B's own facts.

M is never built. A combination takes a_e times total e and c_i times home i's facts; on home i's cells it is
``P_i a - G_i c_i``, so it vanishes there exactly when a lies in ``A_i = {a : P_i a ∈ span G_i}``. With L_B the
intersection of all A_i, i outside B, and L that of all homes, the exposed dimension is **dim L_B - dim L** (of two
combinations with one `a`, the difference is an own fact). Hence home j is safe if any set of *other* homes already
narrows to L. One pass finds few homes Q that do; a second, over the others, almost always does too: two passes
a leaf instead of one a home. What is left is tried one by one (`algorithms.narrowing` holds the subspaces).

It sees exact linear leaks only. Approximate inference is limited by the floor and by `wide`; sets of 2..k-1 homes
are guaranteed by the other rules and sampled by the auditor with `audit_sets` (finding the smallest exposed
set is NP-hard).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.narrowing import Answers, Facts, Totals, net_total, register_total
from quietgrid.errors import GateRefusal

__all__ = ["Facts", "Totals", "audit", "audit_sets", "check_leverage", "net_total", "register_total"]


def audit(totals: Sequence[Totals], facts: Sequence[Facts], *, seed: int | None = None) -> NDArray[np.int64]:
    """Rows of the homes about which the answers say more than their own facts.

    Args:
        totals: What is opened an interval (`register_total`, `net_total`); arrays are bool [n, t]. No cell may be
            in two of them: slot totals use one partition. Cells of intervals that were refused are False.
        facts: What is opened a home: the book on bill cells, each late vector on its late cells, events. Arrays are
            weights [f, t], cells bool [n, t], holders bool [n, f].
        seed: Fixes the random prime and projections, for tests; from `secrets` otherwise, so that nobody can prepare
            a matrix for them.

    Returns:
        int64, ascending; empty when the batch may open.

    Raises:
        GateRefusal: rule ``partition``: a cell is in two totals. InputError: shapes that do not fit.

    Privacy: looks at presence and weights only, never at a reading. The answer is wrong with probability below 10⁻⁶
    (a random 31-bit prime; Schwartz-Zippel).
    Cost: 34 leaves of 30 homes × 28 days × 96 intervals: see `python -m benchmarks audit`.
    Source: PROTOCOL A, "Leverage audit"; B.

    >>> everyone = np.ones((3, 4), np.bool_)
    >>> band = np.array([[1, 1, 0, 0]])
    >>> book = Facts(0, band, everyone)
    >>> audit([register_total(0, everyone)], [book]).tolist()
    []
    >>> late = everyone.copy()
    >>> late[1, 0] = False  # in its bill, not in the total: bills - totals is that cell
    >>> audit([register_total(0, late)], [book]).tolist()
    [1]
    """
    answers = Answers(totals, facts, _generator(seed))
    everyone = answers.by_cells()
    full, needed = answers.narrow(answers.everything(), everyone)
    chosen = set(needed)
    others, _ = answers.narrow(answers.everything(), [home for home in everyone if home not in chosen])
    if others.dimension == full.dimension:
        return np.zeros(0, np.int64)
    exposed = []
    for home in needed:
        without, _ = answers.narrow(others, [other for other in needed if other != home])
        if without.dimension > full.dimension:
            exposed.append(home)
    return np.array(sorted(exposed), np.int64)


def audit_sets(
    totals: Sequence[Totals], facts: Sequence[Facts], sets: Sequence[Sequence[int]], *, seed: int | None = None
) -> list[int]:
    """Which of the given sets of homes the answers say more about, together, than their members' own facts.

    For the auditor's samples of pairs and small sets; other arguments as for `audit`. One set costs one pass over
    the other homes.

    Returns:
        Positions in `sets`, ascending.

    >>> four = np.ones((4, 4), np.bool_)
    >>> halves = [register_total(0, four * (np.arange(4) // 2 == half)[:, None]) for half in (0, 1)]
    >>> audit_sets(halves, [], [[0], [0, 1], [1, 2]])
    [1]
    """
    answers = Answers(totals, facts, _generator(seed))
    everyone = answers.by_cells()
    exposed = []
    for position, homes in enumerate(sets):
        members = {int(home) for home in homes}
        rest, _ = answers.narrow(answers.everything(), [home for home in everyone if home not in members])
        full, _ = answers.narrow(rest, sorted(members))
        if rest.dimension > full.dimension:
            exposed.append(position)
    return exposed


def check_leverage(
    totals: Sequence[Totals], facts: Sequence[Facts], *, where: str = "batch", seed: int | None = None
) -> None:
    """Refuse a batch of answers that exposes a home (see `audit`).

    Raises:
        GateRefusal: rule ``leverage``. The message says how many homes, never which: it may be shown.
    """
    exposed = audit(totals, facts, seed=seed)
    if exposed.size:
        raise GateRefusal(
            "leverage",
            f"the answers together would single out {exposed.size} home(s)",
            where=where,
            fix="let late cells wait in the pool, or leave the event facts out",
        )


def _generator(seed: int | None) -> np.random.Generator:
    return np.random.default_rng(secrets.randbits(128) if seed is None else seed)
