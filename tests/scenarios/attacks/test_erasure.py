"""A home has everything erased in the middle of a period: before minus after is not its readings (decision 0022)."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from quietgrid.algorithms.weights import resolve
from quietgrid.crypto.public.envelope import Signed
from quietgrid.errors import ConflictError, GateRefusal
from quietgrid.wire.own import Erase
from tests.scenarios.attacks.month import DAYTIME, PER_DAY, PERIOD, PLANTED, Month
from tests.scenarios.attacks.spy import D0, SECRET, off

WEIGHTS = resolve(DAYTIME, PERIOD)


def erase(period: Month, home: int) -> None:
    """The household asks all three keyholders."""
    message = Erase(period.community.card.community, home, "", period.community.clock.now())
    period.spy.register(period.community.household_keys[home].sign(message))


def without(period: Month, leaf: str, kept: range) -> tuple[list[Signed], NDArray[np.int64], int]:
    """Closes that hold the victim in some slots only, their totals, and the victim, which is then erased."""
    victim = period.victim(leaf)
    closes = period.closes(leaf, [(victim, slot) for slot in range(len(PERIOD)) if slot not in kept])
    totals = period.totals(leaf, closes)
    erase(period, victim)
    return closes, totals, victim


def test_erased_after_one_interval_of_the_period(period: Month) -> None:
    """All others' bills less the totals would be that one interval: with the rules on it hides among three homes."""
    closes, totals, victim = without(period, "erased", range(PLANTED, PLANTED + 1))
    book = period.book("erased")
    with off(period.community, "hide"), pytest.raises(GateRefusal) as refused:
        period.spy.bills(book, closes)
    assert refused.value.rule == "leverage"
    bills = period.spy.bills(book, closes)
    homes = period.homes("erased")
    hidden = [home for home, row in zip(homes, bills, strict=True) if not row.any()]
    assert (hidden[0], len(hidden)) == (victim, 3)
    assert all(bills[n, 0] == int(WEIGHTS @ period.read(h)) for n, h in enumerate(homes) if h not in hidden)
    left = int(WEIGHTS @ totals) - int(bills[:, 0].sum())
    assert left == SECRET + sum(int(WEIGHTS @ period.read(home)) for home in hidden[1:])


def test_the_same_with_the_rules_off(period: Month) -> None:
    closes, totals, _ = without(period, "erased-off", range(PLANTED, PLANTED + 1))
    with off(period.community, "hide", "leverage"):
        bills = period.spy.bills(period.book("erased-off"), closes)
    assert int(WEIGHTS @ totals) - int(bills[:, 0].sum()) == SECRET


def test_erased_after_two_weeks(period: Month) -> None:
    """The others' bills open exactly. What follows of the erased home is what a last bill would have said, no more."""
    kept = range(14 * PER_DAY)
    closes, totals, victim = without(period, "erased-wide", kept)
    bills = period.spy.bills(period.book("erased-wide"), closes)
    homes = period.homes("erased-wide")
    assert not bills[homes.index(victim)].any()
    others = [n for n, home in enumerate(homes) if home != victim]
    plain = np.array([period.read(homes[n]) for n in others])
    assert bills[others].tolist() == (plain @ np.stack([WEIGHTS, 1 - WEIGHTS]).T).tolist()
    first_half = WEIGHTS * (np.arange(len(PERIOD)) < kept.stop)
    assert int(WEIGHTS @ totals) - int(bills[:, 0].sum()) == int(first_half @ period.read(victim))


def test_a_slot_is_not_closed_again_without_the_erased_home(period: Month) -> None:
    leaf = "erased-rule"
    victim, book = period.victim(leaf), period.book(leaf)
    homes = period.homes(leaf)
    gone = [(home, PLANTED) for home in homes[:3]]
    closes = period.closes(leaf, gone)
    totals = period.totals(leaf, closes)
    assert totals[0] == sum(period.read(home)[0] for home in homes)
    erase(period, victim)
    again = period.spy.close(D0, 0, PER_DAY, leaf=book.leaf, omit=[(victim, slot) for slot in range(PER_DAY)])
    with pytest.raises(ConflictError, match="another close"):
        period.spy.vote([again])
    late = period.spy.late_close(
        book, "day", [(home, D0 + PLANTED // PER_DAY, PLANTED % PER_DAY) for home in homes[:3]]
    )
    with pytest.raises(GateRefusal, match="only fill up the floor"):
        period.spy.vote([late])  # two late homes and one whose cells can never open
