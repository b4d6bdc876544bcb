"""Demand response: programs, events, who is asked, what was delivered and what it earns; all of it pure decisions.

Runs at: the platform
Sees: who is enrolled with what, who takes part, forecasts and totals of groups, one number a consenting home
Never sees: a reading, a load curve of a home, a key
In: Total from mdms, Fact from mdms
Out: Signal, Posting
"""

from quietgrid.response.dispatch import Dispatch, Offer, dispatch
from quietgrid.response.facts import MonthFact, Part, herd, month_facts
from quietgrid.response.measuring import measure
from quietgrid.response.packs import RulePack, pack_of, packs
from quietgrid.response.rewards import month_reward, postings
from quietgrid.response.rules import asked_homes, check_event, check_program, needs_approval
from quietgrid.response.triggers import proposed, rate_of

__all__ = [
    "Dispatch", "MonthFact", "Offer", "Part", "RulePack", "asked_homes", "check_event", "check_program", "dispatch",
    "herd", "measure", "month_facts", "month_reward", "needs_approval", "pack_of", "packs", "postings", "proposed",
    "rate_of",
]  # fmt: skip
