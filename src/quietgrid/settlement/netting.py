"""Netting: thousands of postings become one number for each organisation, and the numbers sum to zero.

Households have no account on a chain: everything they owe or are owed goes through the community's account, and what
is below it is a Merkle root over salted leaves (DESIGN 7). So a settlement says what the community as a whole pays its
supplier, and nothing about who of its homes used what.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from quietgrid.errors import InputError
from quietgrid.model.posting import Posting, Source

COMMUNITY = "community"
"""The account that stands for all homes, and for what they may claim."""
_HOMES = ("home:", "asset:", "claims:", "utility:")
"""What stands behind the community's account: a utility pays rewards at the bank, as homes pay their bills."""
_BOUND = 1 << 127


@dataclass(frozen=True, slots=True)
class Netted:
    """One settlement.

    Args:
        deltas: Account -> millionths it gets (positive) or pays (negative); only those that are not zero, by name;
            sum zero. ids: of the postings it is made of, sorted. energy_wh: they are for.
    """

    deltas: dict[str, int]
    ids: tuple[str, ...]
    energy_wh: int


def chain_side(account: str) -> str:
    """The account on the chain that an account of the books belongs to.

    >>> chain_side("home:0000000000000003"), chain_side("tax:vat")
    ('community', 'tax')
    """
    return COMMUNITY if account.startswith(_HOMES) else account.partition(":")[0]


def net(batch: Iterable[Posting]) -> Netted:
    """Net a batch of postings.

    Args:
        batch: In any order; no id twice.

    Returns: What each organisation gets or pays. What stays within the community is not in it.
    Raises:
        InputError: an id is there twice, an amount is negative, or a sum does not fit 128 bits.
    """
    sums: defaultdict[str, int] = defaultdict(int)
    ids: set[str] = set()
    energy = 0
    for posting in batch:
        if posting.id in ids:
            raise InputError("a posting is there twice", where=posting.id, fix="settle each posting once")
        if posting.amount_micro < 0:
            raise InputError("an amount is negative", where=posting.id, fix="post it the other way round")
        ids.add(posting.id)
        energy += posting.energy_wh
        sums[chain_side(posting.debit)] -= posting.amount_micro
        sums[chain_side(posting.credit)] += posting.amount_micro
    if any(abs(amount) >= _BOUND for amount in sums.values()):
        raise InputError("a net amount is out of bounds", where="settlement", fix="settle in smaller batches")
    return Netted({name: sums[name] for name in sorted(sums) if sums[name]}, tuple(sorted(ids)), energy)


def net_by_source(batch: Iterable[Posting]) -> dict[Source, Netted]:
    """Net a batch for each stage that posted in it, each summing to zero; together they are `net` of the whole.

    Raises:
        InputError: as `net`; or a code is no stage's.
    """
    found: defaultdict[Source, list[Posting]] = defaultdict(list)
    seen: set[str] = set()
    for posting in batch:
        if posting.id in seen:
            raise InputError("a posting is there twice", where=posting.id, fix="settle each posting once")
        seen.add(posting.id)
        found[posting.source].append(posting)
    return {source: net(found[source]) for source in Source if source in found}
