"""A meter joins: its keys are made, sealed to who may hold them, and forgotten where they must be.

Source: PROTOCOL A, "Keys" and "Messages" (`enrol`); C, K3, K4, K7. The meter makes three random roots, derives the
chain keys of its first day from them, seals two of these to each keyholder, the roots to its household and a MAC key
to the concentrator, signs the whole, and deletes the roots. It does so only towards the keyholders whose keys hash
to the fingerprint entered at commissioning.
Does not give: a check of the maker's certificate or of the home's place in the grid; keyholders and registrar do.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from hmac import compare_digest

import numpy as np
from numpy.typing import NDArray

from quietgrid.crypto.public.envelope import Signed, decode, pack_signed
from quietgrid.crypto.public.sealing import seal, seal_info
from quietgrid.crypto.public.signatures import Identity, open_signed
from quietgrid.crypto.secret.chain import PAIRS_OF, chain_keys, kcv, new_roots
from quietgrid.errors import InputError, VerificationError
from quietgrid.wire.messages import Adoption, Certificate, CommunityCard, Enrol

READER_NAMES = ("keyholder 0", "keyholder 1", "keyholder 2", "concentrator", "household")
"""Recipients of `Enrol.sealed`, in order, as they stand in the HPKE info."""


@dataclass(frozen=True, slots=True)
class Site:
    """What the installer enters at one meter.

    Args:
        pid: Pseudonymous meter id. home: pseudonymous id of the connection. registers: bitmap the meter will use.
        household_pk: Ed25519 key of the household, 32 bytes. household_kem: its tagged HPKE key.
        certificate: The maker's word on this meter. adoption: the household's word that it is at its home.
    """

    pid: int
    home: int
    registers: int
    household_pk: bytes
    household_kem: bytes
    certificate: Signed
    adoption: Signed


@dataclass(frozen=True)
class Enrolled:
    """The outcome: what is sent, and what the meters keep.

    Args:
        messages: Signed `Enrol`, one a meter: for keyholders, concentrator and household alike.
        chain: uint8 [3, n, 32], chain keys of day d0, pairs 01, 02, 12: secret.
        k_macs: uint8 [n, 32]: secret.
    """

    messages: list[Signed]
    chain: NDArray[np.uint8]
    k_macs: NDArray[np.uint8]


def check_card(card: CommunityCard, pinned: bytes) -> None:
    """Refuse any keys but those whose fingerprint was entered at commissioning (K3).

    Raises:
        VerificationError: the fingerprint differs, or the card does not name three keyholders.
    """
    if len(card.keyholder_pks) != 3 or len(card.keyholder_kems) != 3:
        raise VerificationError("a community has three keyholders", where="community card", fix="get the right card")
    if not compare_digest(card.fingerprint(), pinned):
        raise VerificationError(
            "these are not the keyholders whose fingerprint was entered at this meter",
            where="community card",
            fix="compare the fingerprint with the one on the commissioning sheet; enrol with no other keys",
        )


def enrol(
    card: CommunityCard, pinned: bytes, sites: Sequence[Site], identities: Sequence[Identity], d0: int
) -> Enrolled:
    """Make the enrolments of n meters.

    Args:
        card: Who is who. pinned: the 32-byte fingerprint entered out of band.
        sites: n sites. identities: the n meters' signing keys, same order.
        d0: First UTC day the meters seal for.

    Returns: `Enrolled`; the roots exist only inside the blob to the household once this returns.

    Raises:
        VerificationError: another fingerprint, or an adoption or certificate that is not for this meter.
        InputError: registers beyond the certificate.

    Cost: five HPKE seals and a signature a meter, under 1 ms.
    """
    check_card(card, pinned)
    if len(sites) != len(identities):
        raise InputError("sites and identities differ in number", where="enrol", fix="give one identity a site")
    chain = np.zeros((3, len(sites), 32), np.uint8)
    k_macs = np.frombuffer(secrets.token_bytes(32 * len(sites)), np.uint8).reshape(-1, 32).copy()
    messages = []
    for row, (site, identity) in enumerate(zip(sites, identities, strict=True)):
        _check_site(card, site, identity)
        roots = new_roots()
        chain[:, row] = chain_keys(roots, card.community, site.pid, d0)
        readers = [chain[list(PAIRS_OF[i]), row].tobytes() for i in range(3)]
        readers += [k_macs[row].tobytes(), roots.tobytes()]
        messages.append(identity.sign(_message(card, site, identity, d0, chain[:, row], readers)))
        roots[:] = 0
    return Enrolled(messages, chain, k_macs)


def _check_site(card: CommunityCard, site: Site, identity: Identity) -> None:
    where = f"meter {site.pid}"
    adoption = open_signed(site.adoption, Adoption, site.household_pk)
    if adoption != Adoption(card.community, site.pid, site.home, identity.public):
        raise VerificationError("the adoption is not for this meter", where=where, fix="let the household sign it")
    certificate = decode(Certificate, site.certificate.body)
    if certificate.meter_pk != identity.public:
        raise VerificationError("the certificate is another meter's", where=where, fix="ask the maker for this one's")
    if site.registers & ~certificate.registers or not site.registers & 1:
        raise InputError("registers do not fit the certificate", where=where, fix="use import and what is certified")


def _message(
    card: CommunityCard, site: Site, identity: Identity, d0: int, chain: NDArray[np.uint8], secret: Sequence[bytes]
) -> Enrol:
    publics = [*card.keyholder_kems, card.concentrator_kem, site.household_kem]
    sealed = [
        seal(plaintext, public, seal_info(Enrol.NAME, card.community, site.pid, reader))
        for plaintext, public, reader in zip(secret, publics, READER_NAMES, strict=True)
    ]
    return Enrol(
        card.community,
        site.pid,
        site.home,
        identity.public,
        site.household_pk,
        site.household_kem,
        d0,
        site.registers,
        [kcv(chain[pair].tobytes(), site.pid) for pair in range(3)],
        sealed,
        pack_signed(site.certificate),
        pack_signed(site.adoption),
        card.fingerprint(),
    )
