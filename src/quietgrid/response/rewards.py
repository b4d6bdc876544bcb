"""What an opened number earns, and who owes it. `posting = price × (measured - reference)`; integers.

Source: DESIGN 2 ("one algebra settles everything"); decision 0043.
"""

from __future__ import annotations

from collections.abc import Iterable

from quietgrid.model.posting import Posting
from quietgrid.model.quantity import divide_half_even
from quietgrid.model.response import MICRO_PER_CENT, Program, Reward
from quietgrid.response.facts import MonthFact

WH_PER_KWH = 1_000
MISSING_PERCENT = 10
"""Of a number's intervals that may be filled with the group's mean; with more missing it earns nothing."""


def money_micro(number: int, fact: MonthFact) -> int:
    """A number as money, before caps: rounded once, half to even.

    >>> money_micro(2_000, MonthFact(("e",), (1,), (), 10, 40))  # 200 Wh less at 40 cents a kWh, 10 days
    80000
    """
    return divide_half_even(number * fact.step_cents * MICRO_PER_CENT, fact.days * WH_PER_KWH)


def month_reward(fact: MonthFact, home: int, number: int, missing: int, program: Program, name: str) -> Reward:
    """What one home gets, or (negative) pays.

    Args:
        number: as opened, plus what stands for missing intervals. missing: how many those are. name: of the fact.
    """
    terms = program.terms
    amount = money_micro(number, fact)
    if missing * 100 > MISSING_PERCENT * len(fact.slots):
        amount = 0
    if amount < 0:
        amount = -(-amount * terms.penalty_percent // 100)
    amount = max(-terms.cap_micro, min(terms.cap_micro, amount))
    return Reward(name, home, number, amount, len(fact.events), missing)


def reduced_wh(number: int, fact: MonthFact) -> int:
    """The energy behind a number where all its events pay the same rate; 0 where they do not.

    >>> reduced_wh(2_000, MonthFact(("e",), (1,), ((0, 1), (9, -10)), 10, 40))
    200
    """
    flat = {abs(weight) for _, weight in fact.slots} <= {1, fact.days}
    return divide_half_even(number, fact.days) if flat else 0


def account_of(utility: str) -> str:
    """A utility's account in the books."""
    return f"utility:{utility}"


def postings(rewards: Iterable[Reward], fact: MonthFact, utility: str) -> list[Posting]:
    """Who owes whom: the utility the homes, or a home a penalty. Homes with nothing are not in it."""
    out = []
    for one in rewards:
        sides = (account_of(utility), f"home:{one.home:016x}")
        debit, credit = sides if one.amount_micro > 0 else sides[::-1]
        if one.amount_micro:
            energy = abs(reduced_wh(one.number, fact))
            out.append(
                Posting(f"reward {one.fact} {one.home:016x}", debit, credit, abs(one.amount_micro), energy, "reward")
            )
    return out
