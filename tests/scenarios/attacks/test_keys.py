"""Attacks on keys and records: PROTOCOL C, K1-K5, K8, K10."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray

from quietgrid.crypto.public.envelope import Signed, decode, pack_signed, unpack_signed
from quietgrid.crypto.public.sealing import seal, seal_info
from quietgrid.crypto.public.signatures import Identity
from quietgrid.crypto.secret.chain import chain_keys, day_keys_between
from quietgrid.crypto.secret.keyfiles import KeyFiles
from quietgrid.crypto.secret.masks import day_step, masks
from quietgrid.crypto.unseal import PrivateKem
from quietgrid.errors import ConflictError, NotFoundError, UnavailableError, VerificationError
from quietgrid.lab.community import Community
from quietgrid.mdms import LiarError
from quietgrid.meter import MeterBank
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import DAY_S, ManualClock, Window
from quietgrid.runtime.founding import identity
from quietgrid.store import open_keyholder
from quietgrid.wire.frame import parse_frames
from quietgrid.wire.links import error_of
from quietgrid.wire.messages import Adoption, Enrol, LedgerNote, Members, Refusal
from tests.meter.town import Town, moment, readings, slots
from tests.scenarios.attacks.conftest import Empty, Found
from tests.scenarios.attacks.spy import (
    D0,
    SECRET,
    Spy,
    enrol_people,
    off,
    random_readings,
    released,
    residents,
    settle_time,
    signed_list,
)
from tests.scenarios.attacks.test_agreement import DISHONEST, SilentLink, bring_back

RULES = GateRules(k=3, max_share_percent=50)


def unmasked(frame: bytes, keys: NDArray[np.uint8]) -> list[int]:
    """What a frame of the import register holds for whoever has three day keys, uint8 [3, 32]."""
    words = parse_frames([frame]).words.reshape(-1)
    hidden = masks(keys, 0, 0, 900)[:, : len(words)].sum(axis=0, dtype=np.uint64)
    opened: list[int] = (words - hidden).view(np.int64).tolist()
    return opened


# -- K1: the day key and the next day -------------------------------------------------------------------------------


def test_who_gets_monday_does_not_get_tuesday(tmp_path: Path) -> None:
    town, clock = Town(), ManualClock(moment(D0))
    bank = MeterBank.open(tmp_path / "bank", clock)
    bank.pin(town.card, town.card.fingerprint())
    publics = bank.make([1])
    enrolment = decode(Enrol, bank.enrol([town.site(1, publics[0], 0b1)], D0)[0].body)
    frames = {}
    for day in (D0, D0 + 1):
        series = readings([1], slots(day, 0, 96), seed=day)
        series.imported_wh[:, 5] = SECRET
        clock.unix = moment(day + 1)
        frames[day] = bank.seal(series)[0].frame
    bank.close()

    roots = town.household_kem.open(enrolment.sealed[4], seal_info("enrol", town.card.community, 1, "household"))
    chain = chain_keys(np.frombuffer(roots, np.uint8).reshape(3, 32), town.card.community, 1, D0)
    monday, tuesday = day_keys_between(chain, D0, D0, D0 + 2)
    assert unmasked(frames[D0], monday)[5] == SECRET  # what the household consented to
    guesses = [monday, *day_step(monday), day_step(day_step(monday)[0])[0]]
    assert all(unmasked(frames[D0 + 1], np.ascontiguousarray(guess))[5] != SECRET for guess in guesses)
    given_chain, _ = day_step(day_step(chain)[1])  # the rule off: the chain key handed over in its place
    assert unmasked(frames[D0 + 1], given_chain)[5] == unmasked(frames[D0 + 1], tuesday)[5] == SECRET


# -- K2: how long day keys live -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("retain", "opens"), [(7, False), (100, True)])
def test_keys_live_as_long_as_bills_need_them(found: Found, retain: int, opens: bool) -> None:
    """Seven days would let no bill ever open; a hundred do, and after them nobody can go back."""
    community = found(residents({"A": [1] * 8}), 2, GateRules(k=3, max_share_percent=50, retain_days=retain))
    series = random_readings(community.residents, Window(D0 * 96, D0 * 96 + 2, 900))
    community.measure(series)
    spy = Spy(community)
    community.clock.unix = moment(D0 + 28)
    closes = [spy.close(D0, slot, slot + 1) for slot in range(2)]
    spy.vote(closes)
    for keyholder in community.keyholders:
        keyholder.erase_old_days()
    if opens:
        assert spy.total(closes[0], "A").values.tolist() == [int(series.imported_wh[:, 0].sum())]
    else:
        with pytest.raises(NotFoundError, match="not held"):
            spy.total(closes[0], "A")
    community.clock.unix = moment(D0 + 101)
    for keyholder in community.keyholders:
        keyholder.erase_old_days()
    with pytest.raises(NotFoundError, match="not held"):
        spy.total(closes[1], "A")


# -- K3: the keyholders' keys ---------------------------------------------------------------------------------------


def test_keys_put_in_place_of_the_keyholders(tmp_path: Path) -> None:
    """A platform that hands its own HPKE keys to the meters reads everything; the fingerprint at the meter stops it."""
    town, clock = Town(), ManualClock(moment(D0))
    own = PrivateKem.generate("x25519")
    fake = replace(town.card, keyholder_kems=[own.public] * 3)
    honest = MeterBank.open(tmp_path / "honest", clock)
    with pytest.raises(VerificationError, match="not the keyholders whose fingerprint was entered"):
        honest.pin(fake, town.card.fingerprint())
    honest.close()

    trusting = MeterBank.open(tmp_path / "trusting", clock)  # the rule off: it believes the card it is handed
    trusting.pin(fake, fake.fingerprint())
    publics = trusting.make([1])
    enrolment = decode(Enrol, trusting.enrol([town.site(1, publics[0], 0b1)], D0)[0].body)
    series = readings([1], slots(D0, 0, 8))
    series.imported_wh[:, 3] = SECRET
    clock.unix = moment(D0, 8)
    frame = trusting.seal(series)[0].frame
    trusting.close()
    blobs = [own.open(enrolment.sealed[i], seal_info("enrol", fake.community, 1, f"keyholder {i}")) for i in range(3)]
    pairs = [blobs[0][:32], blobs[0][32:], blobs[1][32:]]
    chain = np.frombuffer(b"".join(pairs), np.uint8).reshape(3, 32)
    assert unmasked(frame, day_step(chain)[0])[3] == SECRET


# -- K4: enrolments -------------------------------------------------------------------------------------------------


def two_keys_for_one_pair(signed: Signed, meter: Identity) -> Signed:
    """A dishonest meter gives keyholder 1 another key 01 than keyholder 0."""
    message = decode(Enrol, signed.body)
    if message.home != 103:
        return signed
    info = seal_info(Enrol.NAME, message.community, message.pid, "keyholder 1")
    sealed = list(message.sealed)
    sealed[1] = seal(bytes(64), two_keys_for_one_pair.kem, info)  # type: ignore[attr-defined]
    return meter.sign(replace(message, sealed=sealed))


def test_a_meter_with_two_keys_for_one_pair_makes_honest_keyholders_look_like_liars(empty: Empty) -> None:
    people = residents({"A": [1] * 8})
    homes = [r.party.home for r in people]
    refusing = empty(people, 1, RULES)
    two_keys_for_one_pair.kem = refusing.card.keyholder_kems[1]  # type: ignore[attr-defined]
    with pytest.raises(VerificationError, match="check value"):
        enrol_people(refusing, tamper=two_keys_for_one_pair)

    community = empty(people, 1, RULES)
    two_keys_for_one_pair.kem = community.card.keyholder_kems[1]  # type: ignore[attr-defined]
    with off(community, "kcv"):
        listed = enrol_people(community, tamper=two_keys_for_one_pair)
    community.platform.adopt_members(signed_list(community, 0, community.window, {"A": homes}, listed))
    community.measure(random_readings(people, Window(D0 * 96, D0 * 96 + 1, 900)))
    community.clock.unix = settle_time(D0, 1, RULES)
    spy = Spy(community)
    close = spy.close(D0, 0, 1)
    spy.vote([close])
    with pytest.raises(LiarError) as framed:
        spy.total(close, "A")
    assert framed.value.suspects == (1,)


def test_enrolling_in_anothers_name(found: Found) -> None:
    """Another key than the meter's, another household for a home, an altered blob: no ack."""
    community = found(residents({"A": [1] * 8}), 1, RULES)
    good = next(iter(community.bank.enrolments().values()))
    message, thief = decode(Enrol, good.body), Identity.generate()
    adoption = thief.sign(Adoption(message.community, message.pid, message.home, message.meter_pk))
    stolen = replace(message, household_pk=thief.public, adoption=pack_signed(adoption))
    bank = community.bank._columns.identity(0)
    fresh = replace(stolen, pid=77)
    fresh = replace(
        fresh,
        adoption=pack_signed(thief.sign(Adoption(message.community, 77, message.home, message.meter_pk))),
        sealed=resealed(community, message, 77),
        kcv=message.kcv,
    )
    cases = [
        thief.sign(message),  # not the meter's signature
        Signed(good.name, good.body[:-1] + bytes([good.body[-1] ^ 1]), good.signer, good.signature),
        bank.sign(replace(message, adoption=pack_signed(adoption))),  # not the household's
        bank.sign(stolen),  # the same pid, another household
        bank.sign(replace(message, fingerprint=bytes(32))),
    ]
    for case in cases:
        for link in community.links:
            outcome = link.enrol([case])[0]
            assert isinstance(outcome, Refusal)
            assert isinstance(error_of(outcome), VerificationError | ConflictError)
    assert [pack_signed(link.enrol([good])[0]) for link in community.links] == [  # the true one: the same ack again
        pack_signed(link.enrol([good])[0]) for link in community.links
    ]
    with off(community, "kcv"):  # its kcv are of another pid: look only at the household
        outcomes = [link.enrol([bank.sign(fresh)])[0] for link in community.links]
    assert [isinstance(o, Refusal) and o.status == ConflictError.http_status for o in outcomes] == [True] * 3


def resealed(community: Community, message: Enrol, pid: int) -> list[bytes]:
    kems = [*community.card.keyholder_kems, community.card.concentrator_kem, message.household_kem]
    names = ["keyholder 0", "keyholder 1", "keyholder 2", "concentrator", "household"]
    sizes = [64, 64, 64, 32, 96]
    return [
        seal(bytes(size), kem, seal_info(Enrol.NAME, message.community, pid, name))
        for size, kem, name in zip(sizes, kems, names, strict=True)
    ]


# -- K5: fake meters ------------------------------------------------------------------------------------------------


def test_a_leaf_of_fake_meters_and_one_real_home(empty: Empty) -> None:
    """The platform makes seven meters of its own; the total less what they "measured" is the eighth home."""
    people = residents({"A": [1] * 8})
    homes = [r.party.home for r in people]
    own = Identity.generate()
    fakes = {r.pid: own for r in people[1:]}
    refusing = empty(people, 1, RULES)
    with pytest.raises(VerificationError, match="maker is not recognised"):
        enrol_people(refusing, makers=fakes)

    community = empty(people, 1, RULES)
    with off(community, "maker"):
        listed = enrol_people(community, makers=fakes)
    members = signed_list(community, 0, community.window, {"A": homes}, listed)
    forged = identity(community.folders.platform).sign(decode_members(members))
    for link in community.links:  # the platform cannot sign lists, whatever is in them
        with pytest.raises(VerificationError):
            link.members(forged)
    with pytest.raises(VerificationError, match="never enrolled here"):  # the honest keyholders saw no such meter
        refusing.links[0].members(resigned(refusing, members))
    community.platform.adopt_members(members)
    series = random_readings(people, Window(D0 * 96, D0 * 96 + 1, 900))
    series.imported_wh[0] = SECRET
    series.imported_wh[1:] = 17
    community.measure(series)
    community.clock.unix = settle_time(D0, 1, RULES)
    spy = Spy(community)
    close = spy.close(D0, 0, 1)
    spy.vote([close])
    assert (spy.total(close, "A").values - 7 * 17).tolist() == [SECRET]


def decode_members(signed: Signed) -> Members:
    return decode(Members, signed.body)


def resigned(community: Community, members: Signed) -> Signed:
    message = replace(decode_members(members), community=community.card.community)
    return identity(community.folders.registrar).sign(message)


def test_a_list_that_says_more_than_the_certificates(found: Found) -> None:
    """A bigger connection lowers everyone's share, a register more makes an exporter: both are certified."""
    community = found(residents({"A": [1] * 8}), 1, RULES)
    with community.platform.parts.store.read() as tx:
        message = decode_members(unpack_signed(tx.registry.all_members()[0]))
    registrar = identity(community.folders.registrar)
    more = replace(message, epoch=1, first=message.end, end=message.end + 96)
    for lie in (
        {"registers": bytes([3] * 8)}, {"connection_w": np.full(8, 20_000, "<i8").tobytes()},
        {"homes": np.array([999, *range(101, 108)], "<u8").tobytes()}, {"evidence": [bytes(32)] * 8},
    ):  # fmt: skip
        with pytest.raises(VerificationError):
            community.links[0].members(registrar.sign(replace(more, **lie)))
    community.links[0].members(registrar.sign(more))


# -- K8: what is deleted --------------------------------------------------------------------------------------------


def test_erased_day_keys_cannot_be_dug_out(tmp_path: Path) -> None:
    """Whoever recovers the deleted file needs the slot it was encrypted under; that was overwritten in place."""
    folder = tmp_path / "keys"
    keys = KeyFiles(folder)
    keys.append(np.random.default_rng(0).integers(0, 256, (4, 2, 32)).astype(np.uint8), D0)
    keys.advance(D0 + 2)
    day = keys.day_keys(D0)
    before = tmp_path / "before"
    shutil.copytree(folder, before)
    keys.erase_days_before(D0 + 1)
    keys.close()
    assert all(day[0, row].tobytes() not in path.read_bytes() for path in files(folder) for row in range(4))
    for path in files(before):
        here = folder / path.relative_to(before)
        if not here.exists():
            shutil.copy(path, here)  # undeleted
    after = KeyFiles(folder)
    with pytest.raises(NotFoundError):
        after.day_keys(D0)
    after.close()
    stolen = KeyFiles(before)  # the rule off: a backup that holds the slots as well
    assert np.array_equal(stolen.day_keys(D0), day)
    stolen.close()


def test_deleted_from_a_database_is_not_gone(tmp_path: Path) -> None:
    """Why day keys are not rows: what was deleted still lies in the write-ahead log."""
    key = bytes(range(100, 132))
    store = open_keyholder(tmp_path / "keyholder.db", ManualClock(0.0))
    with store.begin() as tx:
        tx.documents.put("day key", "1", key)
    with store.begin() as tx:
        tx.documents.drop("day key", "1")
    assert any(key in path.read_bytes() for path in files(tmp_path))
    store.close()


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


# -- K10: an old backup ---------------------------------------------------------------------------------------------


def test_a_keyholder_restored_from_an_old_copy_votes_again(found: Found) -> None:
    """It has forgotten its vote. With one peer silenced and one away it would vote for another set."""
    people = residents({"A": [1] * 8})
    community = found(people, 2, RULES)
    series = random_readings(people, Window(D0 * 96, D0 * 96 + 3, 900))
    series.imported_wh[3] = SECRET
    community.measure(series)
    community.clock.unix = settle_time(D0, 3, RULES)
    spy = Spy(community)
    spy.vote([spy.close(D0, 2, 3)])
    database = community.folders.keyholder(2) / "keyholder.db"
    community.stop_keyholder(2)
    backup = shutil.copy(database, database.parent / "backup.db")
    bring_back(community, 2)
    both, without = spy.close(D0, 0, 1), spy.close(D0, 0, 1, omit=[(103, 0)])
    spy.vote([both])
    first = spy.total(both, "A")
    community.stop_keyholder(2)
    for path in database.parent.glob("keyholder.db*"):
        path.unlink()
    shutil.copy(backup, database)
    community.clock.unix += 60
    community.stop_keyholder(0)
    honest, silent = community.peer_links[2, 1], SilentLink(1)
    silent.keyholder = community.keyholders[1]
    community.peer_links[2, 1] = silent
    bring_back(community, 2)
    with off(community, *DISHONEST, only=[1]):
        with pytest.raises(UnavailableError, match="catching up"):
            spy.vote([without], 2)
        assert released(community)[2] == 0
    community.peer_links[2, 1] = honest
    bring_back(community, 0)
    community.stop_keyholder(2)
    bring_back(community, 2)
    community.keyholders[2].catch_up()
    assert spy.total(both, "A", 2, 1).values.tolist() == first.values.tolist()
    with pytest.raises(ConflictError, match="another close"):
        spy.vote([without], 2)
    with community.keyholders[2].parts.store.read() as tx:
        tx.ledger.verify()
        notes = tx.ledger.entries(kind="restored")
    assert notes  # a peer had seen more of its ledger than it has
    assert decode(LedgerNote, notes[0].body).kind == "restored"


def test_without_catching_up_the_old_copy_answers_twice(found: Found) -> None:
    people = residents({"A": [1] * 8})
    community = found(people, 2, RULES)
    series = random_readings(people, Window(D0 * 96, D0 * 96 + 2, 900))
    series.imported_wh[3] = SECRET
    community.measure(series)
    community.clock.unix = settle_time(D0, 2, RULES)
    spy = Spy(community)
    database = community.folders.keyholder(2) / "keyholder.db"
    spy.vote([spy.close(D0, 1, 2)])
    community.stop_keyholder(2)
    backup = shutil.copy(database, database.parent / "backup.db")
    bring_back(community, 2)
    both, without = spy.close(D0, 0, 1), spy.close(D0, 0, 1, omit=[(103, 0)])
    spy.vote([both])
    first = spy.total(both, "A")
    community.stop_keyholder(2)
    community.stop_keyholder(0)
    for path in database.parent.glob("keyholder.db*"):
        path.unlink()
    shutil.copy(backup, database)
    silent = SilentLink(1)
    silent.keyholder = community.keyholders[1]
    community.peer_links[2, 1] = silent
    community.clock.unix += DAY_S / 2
    bring_back(community, 2)
    with off(community, *DISHONEST, only=[1]), off(community, "catch-up", only=[2]):
        spy.vote([without], 1, 2)
        recovered = first.values - spy.total(without, "A", 2, 1).values
    assert recovered.tolist() == [SECRET]
