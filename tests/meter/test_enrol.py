"""Enrolment: pinned keyholders only (K3), everything sealed to its reader, nothing kept that must be forgotten."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from quietgrid.crypto.public.sealing import seal_info
from quietgrid.crypto.public.signatures import Identity, open_signed
from quietgrid.crypto.secret.chain import PAIRS_OF, chain_keys, check_kcv
from quietgrid.crypto.unseal import PrivateKem
from quietgrid.errors import ConflictError, InputError, VerificationError
from quietgrid.meter import MeterBank, enrol
from quietgrid.meter.enrol import READER_NAMES
from quietgrid.model.interval import ManualClock
from quietgrid.wire.messages import Adoption, Certificate, Enrol
from tests.meter.town import COMMUNITY, D0, Town, moment


@pytest.fixture(scope="module")
def town() -> Town:
    return Town()


def opened(town: Town, message: Enrol) -> list[bytes]:
    keys = [*town.kems, town.concentrator_kem, town.household_kem]
    return [
        kem.open(blob, seal_info("enrol", COMMUNITY, message.pid, reader))
        for kem, blob, reader in zip(keys, message.sealed, READER_NAMES, strict=True)
    ]


def test_each_reader_gets_its_keys_and_they_fit_together(town: Town) -> None:
    meters = [Identity.generate() for _ in range(3)]
    sites = [town.site(pid, meter.public) for pid, meter in zip((7, 8, 9), meters, strict=True)]
    made = enrol(town.card, town.card.fingerprint(), sites, meters, D0)
    for row, (signed, meter) in enumerate(zip(made.messages, meters, strict=True)):
        message = open_signed(signed, Enrol, meter.public)
        *holders, k_mac, roots = opened(town, message)
        chain = chain_keys(np.frombuffer(roots, np.uint8).reshape(3, 32), COMMUNITY, message.pid, D0)
        assert (chain == made.chain[:, row]).all()
        assert k_mac == made.k_macs[row].tobytes()
        for i, blob in enumerate(holders):
            assert blob == chain[list(PAIRS_OF[i])].tobytes()
        for pair in range(3):
            check_kcv(chain[pair].tobytes(), message.pid, message.kcv[pair])
    assert len({made.chain[p, r].tobytes() for p in range(3) for r in range(3)}) == 9


def test_a_blob_opens_for_nobody_else(town: Town) -> None:
    meter = Identity.generate()
    made = enrol(town.card, town.card.fingerprint(), [town.site(7, meter.public)], [meter], D0)
    message = open_signed(made.messages[0], Enrol, meter.public)
    with pytest.raises(VerificationError):
        town.kems[1].open(message.sealed[0], seal_info("enrol", COMMUNITY, 7, "keyholder 0"))
    with pytest.raises(VerificationError):
        town.kems[0].open(message.sealed[0], seal_info("enrol", COMMUNITY, 8, "keyholder 0"))


@pytest.mark.parametrize("part", ["keyholder_pks", "keyholder_kems", "registrar_pk"])
def test_keys_of_somebody_else_are_refused(town: Town, part: str) -> None:
    """K3: a platform that puts its own key in place of one keyholder's reads nothing: no meter enrols."""
    card = town.card
    other = PrivateKem.generate("x25519").public if part == "keyholder_kems" else Identity.generate().public
    swapped = (
        msgspec.structs.replace(card, registrar_pk=other)
        if part == "registrar_pk"
        else msgspec.structs.replace(card, **{part: [getattr(card, part)[0], other, getattr(card, part)[2]]})
    )
    meter = Identity.generate()
    with pytest.raises(VerificationError, match="fingerprint"):
        enrol(swapped, card.fingerprint(), [town.site(7, meter.public)], [meter], D0)


def test_a_card_with_keys_in_another_order_is_refused(town: Town) -> None:
    card = town.card
    swapped = msgspec.structs.replace(
        card, keyholder_pks=card.keyholder_pks[::-1], keyholder_kems=card.keyholder_kems[::-1]
    )
    meter = Identity.generate()
    with pytest.raises(VerificationError):
        enrol(swapped, card.fingerprint(), [town.site(7, meter.public)], [meter], D0)


def test_a_bank_never_changes_its_community(town: Town, tmp_path: Path) -> None:
    bank = MeterBank.open(tmp_path, ManualClock(moment(D0)))
    bank.pin(town.card, town.card.fingerprint())
    other = Town().card
    with pytest.raises(ConflictError):
        bank.pin(other, other.fingerprint())
    with pytest.raises(VerificationError):
        bank.pin(other, town.card.fingerprint())
    assert bank.card == town.card


def test_papers_of_another_meter_are_refused(town: Town) -> None:
    meter, stranger = Identity.generate(), Identity.generate()
    pin = town.card.fingerprint()
    site = town.site(7, meter.public)
    other_home = town.household.sign(Adoption(COMMUNITY, 7, site.home + 1, meter.public))
    unsigned = stranger.sign(Adoption(COMMUNITY, 7, site.home, meter.public))
    other_meter = town.maker.sign(Certificate(stranger.public, 0b11, 14_490))
    for wrong in (
        replace(site, adoption=other_home),
        replace(site, adoption=unsigned),
        replace(site, certificate=other_meter),
    ):
        with pytest.raises(VerificationError):
            enrol(town.card, pin, [wrong], [meter], D0)
    with pytest.raises(InputError, match="certificate"):
        enrol(town.card, pin, [replace(site, registers=0b111)], [meter], D0)


def test_the_roots_are_nowhere_in_the_banks_files(town: Town, tmp_path: Path) -> None:
    bank = MeterBank.open(tmp_path, ManualClock(moment(D0)))
    bank.pin(town.card, town.card.fingerprint())
    (public,) = bank.make([7])
    (signed,) = bank.enrol([town.site(7, public)], D0)
    roots = opened(town, open_signed(signed, Enrol, public))[4]
    bank.close()
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert public in everything, "the search looks at the right files"
    for pair in range(3):
        assert roots[32 * pair : 32 * pair + 32] not in everything


def test_a_meter_id_enrols_once(town: Town, tmp_path: Path) -> None:
    bank = MeterBank.open(tmp_path, ManualClock(moment(D0)))
    bank.pin(town.card, town.card.fingerprint())
    (public,) = bank.make([7])
    (first,) = bank.enrol([town.site(7, public)], D0)
    with pytest.raises(ConflictError):
        bank.enrol([town.site(7, public)], D0)
    assert bank.enrolments() == {7: first}
