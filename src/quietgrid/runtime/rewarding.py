"""Roots of claims to the chain: the engine posts one when there is more to claim (`runtime.claims` keeps the books).

A root is within the escrow that settlements fill and within the engine's daily limit. A new root and its transaction
are one commit, a root has one sequence number, and the contract takes the same one twice without effect: so nothing is
promised twice, whatever dies when.

Privacy: on the chain are a root over salted leaves and a round sum.
"""

from __future__ import annotations

import secrets

from quietgrid.chain import abi
from quietgrid.model.sending import SendState
from quietgrid.runtime.claims import KEY, ClaimsRoot, keep, newest_accounts, roots_of, shares_of
from quietgrid.runtime.onchain import OnChain
from quietgrid.runtime.settling import KEY as SETTLEMENTS
from quietgrid.settlement import PROGRAMME, allot, programme_id, tree
from quietgrid.settlement.claims import CLAIMS
from quietgrid.store.stores import PlatformStore


class Rewarding:
    """Makes the next root when there is more to claim.

    Args:
        store: The platform's. onchain: its outbox.
    """

    def __init__(self, store: PlatformStore, onchain: OnChain) -> None:
        self._store, self._onchain = store, onchain

    def step(self) -> int:
        """Make and queue the next root, if there is more to claim and its money is there; its number or 0."""
        with self._store.begin() as tx:
            waiting = [*tx.chain.newest(SETTLEMENTS), *tx.chain.newest(KEY)]
            if any(one.state is not SendState.CONFIRMED for one in waiting):
                return 0
            before = shares_of(tx)
            after = allot(tx.postings.owed_to(CLAIMS), before, newest_accounts(tx), secrets.token_bytes)
            promised = sum(share.cumulative_micro for share in after)
            added = promised - sum(share.cumulative_micro for share in before)
            if not added:
                return 0
            one = ClaimsRoot(len(roots_of(tx)) + 1, tree(after).root, promised, len(after))
            keep(tx, one, after)
            call = abi.call(
                "IncentiveDistribution", self._onchain.addresses["IncentiveDistribution"], "postRoot", programme_id(),
                one.sequence, one.root, added,
            )  # fmt: skip
            key = f"{KEY}{PROGRAMME} {one.sequence}"
            tx.chain.queue(key, self._onchain.account, call.to, call.data, f"root {one.sequence} of claims")
            tx.log.append("settlement", "claims.root", key, {"accounts": one.accounts, "promised": promised})
        return one.sequence
