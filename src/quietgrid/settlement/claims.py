"""Claims: what a home is paid becomes a salted leaf, which it claims at will in round amounts from a fresh address.

Whole units only: what is below a unit stays with the home and counts at its next credit. A home may name a new account
whenever it likes: what it is owed from then on goes to the new one, and nothing says that both are its own.

The escrow behind the claims is filled in whole steps, so that what goes in is not one home's credit.

Source: DESIGN 7; `chain.claims` hashes, `contracts/src/response/IncentiveDistribution.sol` pays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from quietgrid.chain.claims import Tree, id_of, leaf_of, tree_of
from quietgrid.model.posting import Posting

PROGRAMME = "bill credits"
CLAIMS, ESCROW, ADVANCE = "claims:bill-credits", "escrow:bill-credits", "community:escrow"
"""Accounts of the books: what homes may claim; what is in the contract's escrow for it; who put it there."""
UNIT_MICRO, STEP_MICRO = 1_000_000, 100_000_000
SALT_BYTES = 32


@dataclass(frozen=True, slots=True)
class Share:
    """What one account may claim.

    Args:
        home: Account of the books. account: 20 bytes, the home's fresh address. cumulative_micro: all it ever may.
        salt: 32 bytes; empty where it was deleted with its home, which is then nameless. kept: the leaf's hash then.
    """

    home: str
    account: bytes
    cumulative_micro: int
    salt: bytes = field(repr=False)
    kept: bytes = field(default=b"", repr=False)

    @property
    def leaf(self) -> bytes:
        """Its leaf's hash."""
        return self.kept or leaf_of(self.account, self.cumulative_micro, self.salt)


def credits_in(batch: Iterable[Posting]) -> dict[str, int]:
    """Home -> what a period's bills owe it, micro-units; homes that owe something are not in it.

    >>> credits_in([Posting("1", "supplier:feed-in", "home:3", 7, 1, "bill"),
    ...             Posting("2", "home:3", "tax:vat", 2, 0, "bill"), Posting("3", "home:4", "tax:vat", 2, 0, "bill")])
    {'home:3': 5}
    """
    owed: defaultdict[str, int] = defaultdict(int)
    for posting in batch:
        owed[posting.credit] += posting.amount_micro
        owed[posting.debit] -= posting.amount_micro
    return {home: amount for home, amount in sorted(owed.items()) if home.startswith("home:") and amount > 0}


def payouts(batch: str, owed: Mapping[str, int], held_micro: int, due_micro: int) -> list[Posting]:
    """The postings that turn credits into something to claim, and fill the escrow for it.

    Args:
        batch: The settlement's name. owed: from `credits_in`. held_micro: in escrow so far, paid claims included.
        due_micro: all credits before these.

    Returns: One posting a home; and one of whole steps into escrow, if it would not cover them.
    """
    out = [Posting(f"{batch} credit {home}", home, CLAIMS, amount, 0, "credit") for home, amount in owed.items()]
    missing = due_micro + sum(owed.values()) - held_micro
    if missing > 0:
        steps = -(-missing // STEP_MICRO)
        out.append(Posting(f"{batch} escrow", ADVANCE, ESCROW, steps * STEP_MICRO, 0, "escrow"))
    return out


def allot(
    owed: Mapping[str, int], shares: Sequence[Share], accounts: Mapping[str, bytes], draw: Callable[[int], bytes]
) -> list[Share]:
    """The shares after new credits: every home's whole units, what is new of them to its newest account.

    Args:
        owed: Home -> all its credits so far. shares: as they stand. accounts: home -> its newest account; homes
            without one wait. draw: gives so many random bytes (`secrets.token_bytes`).

    Returns: The shares, old accounts first; no share ever falls.
    """
    given: defaultdict[str, int] = defaultdict(int)
    for share in shares:
        given[share.home] += share.cumulative_micro
    out = {share.account: share for share in shares}
    for home, account in accounts.items():
        new = owed.get(home, 0) // UNIT_MICRO * UNIT_MICRO - given[home]
        if new > 0:
            held = out.get(account) or Share(home, account, 0, draw(SALT_BYTES))
            out[account] = replace(held, cumulative_micro=held.cumulative_micro + new)
    return list(out.values())


def programme_id() -> bytes:
    """The contract's id of what bill credits are claimed from, 32 bytes."""
    return id_of(f"quietgrid {PROGRAMME}")


def tree(shares: Iterable[Share]) -> Tree:
    """The tree over shares."""
    return tree_of([share.leaf for share in shares])
