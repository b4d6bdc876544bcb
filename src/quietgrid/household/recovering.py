"""A household that lost its keys: fresh ones, the request for two keyholders, and what they hand over.

Any two keyholders hold all three day keys of a meter; the one they share comes twice and must be equal. What is kept
are day keys, not roots: they open the days they are of and nothing else. Source: PROTOCOL A, "Keys"; docs/decisions
0019. Privacy: keys of this home only, in its vault. Does not give: days before those the keyholders retain, nor days
on which fewer than two of those who approved hold keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from quietgrid.crypto.public.envelope import Signed, decode, pack_signed, unpack_signed
from quietgrid.crypto.public.sealing import HYBRID, seal_info
from quietgrid.crypto.public.signatures import load_or_create_secret, open_signed
from quietgrid.crypto.secret.chain import PAIRS_OF
from quietgrid.errors import (
    ConflictError,
    NotFoundError,
    QuietgridError,
    RefusedError,
    UnavailableError,
    VerificationError,
)
from quietgrid.household.links import SignedClient
from quietgrid.household.vault import RecoveredMeter, Vault
from quietgrid.wire.keyholder_http import HOUSEHOLD_RELEASE
from quietgrid.wire.messages import CommunityCard
from quietgrid.wire.recovery import (
    RecoveryRequest,
    Release,
    ReleasedKeys,
    ReleasedMeter,
    read_statement,
)


class ReleaseLink(Protocol):
    """One keyholder as a household that waits for its keys sees it."""

    def release(self) -> Signed:
        """The signed `Release`, once our new key was taken over there."""


class HttpRelease:
    """`ReleaseLink` over HTTP, signed with the new key."""

    def __init__(self, client: SignedClient) -> None:
        self._client = client

    def release(self) -> Signed:
        """See `ReleaseLink`."""
        return self._client.get(HOUSEHOLD_RELEASE, Signed)


@dataclass(frozen=True)
class Recovered:
    """What came back.

    Args:
        took_over: Keyholders that know the new key. released: those of them that handed over day keys.
        proof: Encoded `Signed[Takeover]`, for the platform. days: days of all meters that open again.
        waiting: keyholder -> why it has nothing for us yet.
    """

    took_over: tuple[int, ...]
    released: tuple[int, ...]
    proof: list[bytes]
    days: int
    waiting: dict[int, str]


def make_request(folder: Path, community: bytes, home: int, now: float, kem: str = HYBRID) -> Signed:
    """A new vault with new keys, and the request for them; the same one when called again.

    Args:
        folder: Of the vault. now: the machine's Unix seconds.

    Raises:
        ConflictError: there is a vault with keys of meters: nothing is lost.
    """
    if (folder / "home").exists() and (Vault(folder).meters() or Vault(folder).recovered_ledger()):
        raise ConflictError(
            "this vault has the keys of its meters", where=str(folder), fix="recover only what is lost; see `backup`"
        )
    vault = Vault.create(folder, community, home, kem)
    message = RecoveryRequest(community, home, vault.identity.public, vault.kem.public, now)
    return unpack_signed(load_or_create_secret(folder / "request", lambda: pack_signed(vault.identity.sign(message))))


def collect(vault: Vault, card: CommunityCard, links: Sequence[ReleaseLink]) -> Recovered:
    """Ask all three keyholders for what they release, and keep it; asking again later may bring more.

    Args:
        vault: With the new keys. links: to keyholders 0, 1, 2.

    Raises:
        VerificationError: a release is not that keyholder's, or two contradict each other.
    """
    found: dict[int, ReleasedKeys] = {}
    waiting: dict[int, str] = {}
    proof: dict[bytes, bytes] = {}
    for index, link in enumerate(links):
        try:
            answer = link.release()
        except UnavailableError as error:
            waiting[index] = error.what
            continue
        except (NotFoundError, RefusedError, VerificationError):
            waiting[index] = "it has not taken the new key over"
            continue
        release = open_signed(answer, Release, card.keyholder_pks[index])
        found[index] = _opened(vault, index, release)
        for data in release.takeovers:
            said = read_statement(card, unpack_signed(data))
            if said.request.home == vault.home:
                proof[said.signed.hash()] = data
    meters = join({index: keys.meters for index, keys in found.items()})
    own = {meter.pid for meter in vault.meters()}
    if found:
        ledger = {index: keys.ledger_key for index, keys in found.items()}
        vault.keep_recovered([meter for meter in meters if meter.pid not in own], ledger)
    days = sum(meter.end - meter.first for meter in vault.recovered())
    gave = tuple(index for index, keys in found.items() if keys.meters)
    return Recovered(tuple(found), gave, list(proof.values()), days, waiting)


def _opened(vault: Vault, index: int, release: Release) -> ReleasedKeys:
    info = seal_info(ReleasedKeys.NAME, vault.community, vault.home, vault.identity.public)
    keys = decode(ReleasedKeys, vault.kem.open(release.sealed, info))
    if (keys.community, keys.home, keys.keyholder) != (vault.community, vault.home, index):
        raise VerificationError("keys of another home were sent", where=f"keyholder {index}", fix="ask again")
    return keys


def join(released: Mapping[int, Sequence[ReleasedMeter]]) -> list[RecoveredMeter]:
    """The three pairs' day keys of each meter, of the days for which all are there: the last days without a hole.

    Args:
        released: keyholder -> its meters.

    Raises:
        VerificationError: two keyholders say different things of one meter or one key.
    """
    facts: dict[int, ReleasedMeter] = {}
    held: dict[int, dict[int, dict[int, bytes]]] = {}
    for index, meters in released.items():
        pairs = PAIRS_OF[index]
        for meter in meters:
            first = facts.setdefault(meter.pid, meter)
            if (first.d0, first.registers, first.meter_pk) != (meter.d0, meter.registers, meter.meter_pk) or (
                len(meter.keys) != 32 * len(pairs) * len(meter.days)
            ):
                raise _contradicts(meter.pid)
            days = held.setdefault(meter.pid, {})
            for at, day in enumerate(meter.days):
                for n, pair in enumerate(pairs):
                    start = 32 * (at * len(pairs) + n)
                    key = meter.keys[start : start + 32]
                    if days.setdefault(day, {}).setdefault(pair, key) != key:
                        raise _contradicts(meter.pid)
    return [_recovered(facts[pid], held[pid]) for pid in facts]


def _recovered(meter: ReleasedMeter, held: Mapping[int, Mapping[int, bytes]]) -> RecoveredMeter:
    whole = {day for day, keys in held.items() if len(keys) == 3}
    first = end = max(whole, default=meter.d0 - 1) + 1
    while first - 1 in whole:
        first -= 1
    keys = b"".join(held[day][pair] for day in range(first, end) for pair in range(3))
    return RecoveredMeter(meter.pid, meter.d0, meter.registers, meter.meter_pk, first, keys)


def _contradicts(pid: int) -> QuietgridError:
    return VerificationError(
        "two keyholders contradict each other", where=f"meter {pid}", fix="tell the auditor; ask the third to approve"
    )


def send_proof(client: SignedClient, home: int, proof: Sequence[bytes]) -> None:
    """Show the platform which keyholders have taken our key over; from then on it knows us by it."""
    client.post("/api/v1/own/recovery", (home, list(proof)), bool)
