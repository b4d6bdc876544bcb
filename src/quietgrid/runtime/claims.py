"""The books of claims: addresses that homes named, the share of each, the roots that were posted.

A home names an address made for this (`ClaimAccount`, signed by it). What its bills owe it (`settlement.credits_in`)
becomes a share of that address, below the next root (`runtime.rewarding`).

Privacy: the platform makes the bills, so it knows a credit; it has to know to which address it goes, but not when it
is claimed, nor from where, nor to whom it is paid out: the household does that at the chain itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from quietgrid.crypto.public.envelope import Signed, decode, pack_signed, unpack_signed
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import ConflictError, InputError, VerificationError
from quietgrid.settlement import Share, programme_id, tree
from quietgrid.settlement.claims import CLAIMS, ESCROW, UNIT_MICRO
from quietgrid.store.stores import PlatformTx
from quietgrid.wire.own import ClaimAccount, OwnClaims, OwnShare

KEY = "claims "
"""What the outbox's keys of claims' roots begin with."""
ACCOUNT, SHARE, ROOT = "claim account", "claim share", "claims' root"
"""Documents: an address a home named, signed; what an address may claim; a root that was posted."""
CLOSED = "claims closed"
"""Documents: homes that were erased. They name no address any more, or all they ever had would be promised again."""
ACCOUNTS_A_HOME = 1_000
_ADDRESS = 20


class _Held(msgspec.Struct, array_like=True, frozen=True):
    home: str
    cumulative_micro: int
    salt: bytes
    leaf: bytes = b""


class ClaimsRoot(msgspec.Struct, array_like=True, frozen=True):
    """A root that was posted.

    Args:
        sequence: 1 for the first. root: 32 bytes. promised_micro: all shares below it. accounts: how many.
    """

    sequence: int
    root: bytes
    promised_micro: int
    accounts: int


@dataclass(frozen=True, slots=True)
class ClaimsStanding:
    """How claims stand, without any home.

    Args:
        credited_micro, escrow_micro: all credits; all that was ever put into escrow. roots: newest first. state: of
            the newest root's transaction.
    """

    credited_micro: int
    escrow_micro: int
    roots: tuple[ClaimsRoot, ...]
    state: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """What the contract said of an address: nobody here knows more of it than who reads the chain.

    Args:
        block, transaction: where. what: "claimed" or "withdrawn". account: 0x text. sum_micro: of it, in all so far.
    """

    block: int
    transaction: str
    what: str
    account: str
    sum_micro: int


def claims_made(tx: PlatformTx, limit: int = 100) -> list[Claimed]:
    """Claims and withdrawals as the contract told them, newest first."""
    out = []
    for name, value in (("Claimed", "claimed"), ("Withdrawn", "paid")):
        for event in tx.chain.events(contract="IncentiveDistribution", name=name, limit=limit):
            said = event.values
            if bytes.fromhex(str(said["programme"])[2:]) == programme_id():
                one = Claimed(event.block, event.transaction, name.lower(), str(said["account"]), int(said[value]))
                out.append((event.index, one))
    return [one for _, one in sorted(out, key=lambda row: (-row[1].block, -row[0]))][:limit]


def shares_of(tx: PlatformTx) -> list[Share]:
    """Every share below the newest root."""
    found = []
    for name, body in tx.documents.all(SHARE).items():
        held = msgspec.msgpack.decode(body, type=_Held)
        found.append(Share(held.home, bytes.fromhex(name), held.cumulative_micro, held.salt, held.leaf))
    return found


def roots_of(tx: PlatformTx) -> list[ClaimsRoot]:
    """Every root, newest first."""
    return [msgspec.msgpack.decode(body, type=ClaimsRoot) for body in reversed(tx.documents.all(ROOT).values())]


def claims_standing(tx: PlatformTx) -> ClaimsStanding:
    """How claims stand."""
    credited, escrow = (sum(tx.postings.owed_to(account).values()) for account in (CLAIMS, ESCROW))
    last = next(iter(tx.chain.newest(KEY)), None)
    return ClaimsStanding(credited, escrow, tuple(roots_of(tx)), last.state.value if last else "")


def take_account(tx: PlatformTx, home: int, household_key: bytes, community: bytes, signed: Signed) -> None:
    """Keep the address that a home's credits go to from now on; naming the newest one again changes nothing.

    Args:
        household_key: What the home signs with.

    Raises:
        VerificationError: not signed by this home. InputError: no address. ConflictError: it is in use already, or the
            home was erased.
    """
    asked = open_signed(signed, ClaimAccount, household_key)
    if (asked.home, asked.community) != (home, community):
        raise VerificationError("an account of another home", where="claims", fix="sign for your own home")
    if len(asked.account) != _ADDRESS or not any(asked.account):
        raise InputError("this is no address", where="claims", fix="send 20 bytes")
    if tx.documents.find(CLOSED, f"{home:016x}") is not None:
        raise ConflictError("this home was erased", where="claims", fix="what it claimed can still be withdrawn")
    mine = accounts_of(tx, home)
    if mine and mine[-1] == asked.account:
        return
    if len(mine) >= ACCOUNTS_A_HOME:
        raise ConflictError("a home has so many accounts", where=str(len(mine)), fix="claim to the newest one")
    named = {_account(body) for body in tx.documents.all(ACCOUNT).values()}
    if asked.account in named or asked.account in {share.account for share in shares_of(tx)}:
        raise ConflictError("this address is in use", where="claims", fix="make a fresh one")
    tx.documents.put(ACCOUNT, f"{home:016x}/{len(mine):04d}", pack_signed(signed))


def keep(tx: PlatformTx, one: ClaimsRoot, shares: Sequence[Share]) -> None:
    """Keep a root and the shares below it, in the place of the last."""
    for share in shares:
        held = _Held(share.home, share.cumulative_micro, share.salt, share.kept)
        tx.documents.replace(SHARE, share.account.hex(), msgspec.msgpack.encode(held))
    tx.documents.put(ROOT, f"{one.sequence:08d}", msgspec.msgpack.encode(one))


def forget(tx: PlatformTx, home: int) -> None:
    """Delete which addresses are a home's, and the salts of its shares.

    What the books need stays: sums and hashes of its shares without its name, so that the next root stands on all that
    was promised, and the postings.
    """
    tx.documents.replace(CLOSED, f"{home:016x}", b"")
    for share in shares_of(tx):
        if share.home == f"home:{home:016x}":
            held = _Held("", share.cumulative_micro, b"", share.leaf)
            tx.documents.replace(SHARE, share.account.hex(), msgspec.msgpack.encode(held))
    for name in tx.documents.all(ACCOUNT):
        if name.startswith(f"{home:016x}/"):
            tx.documents.drop(ACCOUNT, name)


def accounts_of(tx: PlatformTx, home: int) -> list[bytes]:
    """The addresses a home named, oldest first."""
    begin = f"{home:016x}/"
    return [_account(body) for name, body in tx.documents.all(ACCOUNT).items() if name.startswith(begin)]


def own_claims(tx: PlatformTx, home: int) -> OwnClaims:
    """What a home may claim, with its paths."""
    account = f"home:{home:016x}"
    shares, roots = shares_of(tx), roots_of(tx)
    below = tree(shares) if shares else None
    mine = [
        OwnShare(s.account, s.cumulative_micro, s.salt, below.path(s.leaf))
        for s in shares
        if below is not None and s.home == account
    ]
    credit = tx.postings.owed_to(CLAIMS).get(account, 0)
    root, sequence = (roots[0].root, roots[0].sequence) if roots else (b"", 0)
    return OwnClaims(programme_id(), UNIT_MICRO, credit, root, sequence, accounts_of(tx, home), mine)


def _account(body: bytes) -> bytes:
    return decode(ClaimAccount, unpack_signed(body).body).account


def newest_accounts(tx: PlatformTx) -> dict[str, bytes]:
    """Account of a home -> its newest address."""
    return {f"home:{name[:16]}": _account(body) for name, body in tx.documents.all(ACCOUNT).items()}
