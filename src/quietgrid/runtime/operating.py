"""Operations of the operator's account that a person or the demo asks for, beside the settlements.

An operation's signatures name the account's counter, so only one may be on its way: while a settlement is, others wait.
"""

from __future__ import annotations

from collections.abc import Sequence

from quietgrid.chain import abi
from quietgrid.chain.accounts import Account
from quietgrid.chain.client import Receipt
from quietgrid.chain.direct import send
from quietgrid.chain.find import CHAIN_ID
from quietgrid.chain.node import fund
from quietgrid.chain.plan import OPERATOR
from quietgrid.chain.safe import operation
from quietgrid.errors import ConflictError
from quietgrid.model.sending import SendState
from quietgrid.runtime.settling import KEY, Treasury
from quietgrid.store.stores import PlatformStore

ACTION = "chain.operate"
"""The log's verb."""


def is_free(store: PlatformStore) -> bool:
    """Whether no settlement is on its way."""
    with store.read() as tx:
        return all(one.state is SendState.CONFIRMED for one in tx.chain.newest(KEY))


def operate(store: PlatformStore, treasury: Treasury, calls: Sequence[abi.Call], by: str) -> Receipt:
    """Let the operator's account do these calls, all or none: signed by two of its owners, sent by the first, logged.

    Args:
        by: Who asked, for the log.

    Raises:
        ConflictError: a settlement is on its way. RevertedError: one of the calls is refused.
        UnavailableError: the node is away.
    """
    if not is_free(store):
        raise ConflictError("a settlement is on its way", where=OPERATOR, fix="try again when the outbox is empty")
    found = operation(treasury.chain, treasury.addresses[OPERATOR], calls, treasury.addresses["SafeBundler"])
    execution = found.execution({owner.address: found.signed_by(owner) for owner in treasury.signers})
    done = send_own(treasury, treasury.signers[0], execution)
    with store.begin() as tx:
        tx.log.append(by, ACTION, ", ".join(call.what for call in calls), {"transaction": done.hash})
    return done


def send_own(treasury: Treasury, account: Account, call: abi.Call) -> Receipt:
    """A transaction of an account of our own; on the local chain it gets money for gas.

    Raises:
        RevertedError: the contract refuses. UnavailableError: the node is away.
    """
    if treasury.chain.chain_id() == CHAIN_ID:
        fund(treasury.chain, account.address)
    return send(treasury.chain, account, call)
