"""What a home's bills owe it, claimed by the home itself: an address made for this, a claim, a withdrawal.

The platform hands over the home's share and its path; whether they lead to the root that the contract has is checked
here. Then the home talks to the chain's node and to nobody else: the platform is not asked, and not told when, from
where, or to whom the money goes. Whoever reads the chain sees a round sum and addresses that were never used before.

The keys of the addresses follow from the household's own key, so its printed recovery code brings them back, and
nothing has to be kept before a claim is sent: what was claimed or paid out is asked of the contract.

Does not give: secrecy of a credit from the platform, which makes the bills; nor from a node's operator, who sees who
asks (PROTOCOL C: use a node of one's own). After a lost household key what was not claimed is lost with it.
Source: `contracts/src/response/IncentiveDistribution.sol`; HMAC-SHA256 as a key derivation, NIST SP 800-108.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

import msgspec

from quietgrid.crypto.public.envelope import Signed, decode
from quietgrid.errors import InputError, NotFoundError, VerificationError
from quietgrid.household.links import SignedClient
from quietgrid.household.vault import Vault
from quietgrid.model.interval import Clock
from quietgrid.wire.own import ClaimAccount, OwnClaims, OwnShare

if TYPE_CHECKING:
    from quietgrid.chain.abi import Call
    from quietgrid.chain.accounts import Account
    from quietgrid.chain.client import Chain

CONTRACT = "IncentiveDistribution"


class ClaimsLink(Protocol):
    """The platform as far as claims go."""

    def claims(self) -> OwnClaims:
        """What we may claim."""

    def name_account(self, signed: Signed) -> None:
        """Name the address that our credits go to from now on."""


class HttpClaims:
    """`ClaimsLink` over HTTP."""

    def __init__(self, client: SignedClient) -> None:
        self._client = client

    def claims(self) -> OwnClaims:
        """See `ClaimsLink`."""
        return decode(OwnClaims, bytes(self._client.get("/api/v1/own/claims", msgspec.Raw)))

    def name_account(self, signed: Signed) -> None:
        """See `ClaimsLink`."""
        self._client.post("/api/v1/own/claims/account", signed, msgspec.Raw)


@dataclass(frozen=True, slots=True)
class Purse:
    """One of the home's addresses, as the contract has it; micro-units.

    Args:
        number: Which of the home's. address: 0x text. promised_micro: all it may claim below the newest root.
        claimed_micro, paid_micro: what of it was claimed, and paid out.
    """

    number: int
    address: str
    promised_micro: int
    claimed_micro: int
    paid_micro: int


class Claiming:
    """A home's claims.

    Args:
        vault: Its keys. link: to the platform. clock: the community's time.
    """

    def __init__(self, vault: Vault, link: ClaimsLink, clock: Clock) -> None:
        self._vault, self._link, self._clock = vault, link, clock

    def account(self, number: int) -> Account:
        """One of the home's accounts, 0 for the first; the same whenever it is asked for."""
        from quietgrid.chain.accounts import Account

        vault = self._vault
        context = b"qg1 claim" + vault.community + vault.home.to_bytes(8, "little") + number.to_bytes(4, "little")
        return Account(hmac.digest(vault.identity.seed(), context, sha256))

    def own(self) -> OwnClaims:
        """What the home may claim, checked.

        Raises:
            VerificationError: an address is not ours, or a share does not lead to the root.
        """
        from quietgrid.chain.claims import leaf_of, root_from

        found = self._link.claims()
        ours = [_bytes(self.account(number).address) for number in range(len(found.accounts))]
        if found.accounts != ours or not {share.account for share in found.shares} <= set(ours):
            raise VerificationError("these addresses are not ours", where="claims", fix="tell the operator")
        for share in found.shares:
            if root_from(leaf_of(share.account, share.cumulative_micro, share.salt), share.path) != found.root:
                raise VerificationError("our share is not below the root", where="claims", fix="tell the operator")
        return found

    def name(self, fresh: bool = False) -> str:
        """Have an address to which credits go: the newest, or a new one; its 0x text.

        Args:
            fresh: Name another one even if there is one, so that nobody can link later claims to earlier ones.
        """
        known = len(self.own().accounts)
        if known and not fresh:
            return self.account(known - 1).address
        address, vault = self.account(known).address, self._vault
        message = ClaimAccount(vault.community, vault.home, _bytes(address), self._clock.now())
        self._link.name_account(vault.identity.sign(message))
        return address

    def purses(self, chain: Chain, contract: str, found: OwnClaims | None = None) -> list[Purse]:
        """The home's addresses as they stand on the chain, oldest first.

        Args:
            contract: Address of `IncentiveDistribution`. found: from `own`, so that the platform is not asked now.
        """
        found = found or self.own()
        promised = {share.account: share.cumulative_micro for share in found.shares}
        out = []
        for number, account in enumerate(found.accounts):
            address = self.account(number).address
            claimed, paid = chain.view(CONTRACT, contract, "purseOf", found.programme, address)
            out.append(Purse(number, address, promised.get(account, 0), claimed, paid))
        return out

    def claim(self, chain: Chain, contract: str, found: OwnClaims | None = None) -> list[str]:
        """Claim what is promised and not claimed yet, each from its own address; the transactions.

        Args:
            found: From `own`, so that the platform is not asked now.

        Raises:
            RevertedError: the newest root is not on the chain yet. UnavailableError: the node is away.
        """
        found = found or self.own()
        shares = {share.account: share for share in found.shares}
        sent = []
        for purse in self.purses(chain, contract, found):
            if purse.promised_micro > purse.claimed_micro:
                call = claim_call(contract, found.programme, shares[_bytes(purse.address)])
                sent.append(_send(chain, self.account(purse.number), call))
        return sent

    def withdraw(self, chain: Chain, contract: str, recipient: str, amount_micro: int = 0) -> list[str]:
        """Pay claimed money out, from the oldest address on; the transactions.

        Args:
            recipient: Whom to pay, 0x text; nobody else learns that it has to do with this home. amount_micro: how
                much, in whole units; everything unless told.

        Raises:
            InputError: no address, not whole units, or more than was claimed.
        """
        from quietgrid.chain import abi

        found, purses = self.own(), self.purses(chain, contract)
        held = sum(purse.claimed_micro - purse.paid_micro for purse in purses)
        left = amount_micro or held
        if not held:
            raise NotFoundError("nothing is claimed that was not paid out", where="claims", fix="claim first")
        if not 0 < left <= held or left % found.unit_micro:
            fix = f"whole units of {found.unit_micro / 1e6:g}, at most {held / 1e6:g}"
            raise InputError("this cannot be paid out", where=f"{left / 1e6:g}", fix=fix)
        sent = []
        for purse in purses:
            part = min(left, purse.claimed_micro - purse.paid_micro)
            if part:
                args = (found.programme, purse.paid_micro + part, recipient)
                sent.append(_send(chain, self.account(purse.number), abi.call(CONTRACT, contract, "withdraw", *args)))
                left -= part
        return sent


def claim_call(contract: str, programme: bytes, share: OwnShare) -> Call:
    """The call that claims a share: whoever has it may send it."""
    from quietgrid.chain import abi

    leaf = ("0x" + share.account.hex(), share.cumulative_micro, share.salt)
    return abi.call(CONTRACT, contract, "claim", programme, leaf, share.path)


def _send(chain: Chain, account: Account, call: Call) -> str:
    """Send from an account of the home; on the local chain it gets money for gas first."""
    from quietgrid.chain.direct import send
    from quietgrid.chain.find import CHAIN_ID
    from quietgrid.chain.node import fund

    if chain.chain_id() == CHAIN_ID:
        fund(chain, account.address)
    return send(chain, account, call).hash


def _bytes(address: str) -> bytes:
    return bytes.fromhex(address[2:])
