"""One transaction of a person's own account, sent now and waited for: a member's vote, a signed operation.

The platform's own writing goes through the outbox instead: nobody waits for that.
"""

from __future__ import annotations

import time

from quietgrid.chain import abi
from quietgrid.chain.accounts import Account
from quietgrid.chain.client import GWEI, Chain, Receipt
from quietgrid.errors import RevertedError, UnavailableError


def send(chain: Chain, account: Account, call: abi.Call, wait_s: float = 120.0) -> Receipt:
    """Send a call from an account and wait until it is in a block.

    Args:
        account: Pays for gas and signs. wait_s: how long it may take to get into a block.

    Raises:
        RevertedError: the contract refuses. UnavailableError: the node is away, or too slow.
    """
    sender = account.address
    gas = chain.gas(call, sender) * 5 // 4
    fields = {
        "type": 2, "chainId": chain.chain_id(), "nonce": chain.nonce(sender), "gas": gas, "value": 0,
        "maxFeePerGas": chain.base_fee() * 2 + GWEI, "maxPriorityFeePerGas": GWEI, "data": call.data,
    }  # fmt: skip
    raw, digest = account.sign_transaction(fields | ({"to": call.to} if call.to else {}))
    chain.send(raw)
    deadline = time.monotonic() + wait_s
    while (receipt := chain.receipt(digest)) is None:
        if time.monotonic() > deadline:
            raise UnavailableError("a transaction is in no block yet", where=call.what, fix="run it again later")
        time.sleep(0.02)
    if not receipt.ok:
        raise RevertedError(
            chain.why_failed(call, sender, receipt.block), where=call.what, fix="see the contract's rule"
        )
    return receipt
