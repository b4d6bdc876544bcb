"""Key recovery at the keyholders: who may have a home's key replaced, what it says, what is released to whom."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from quietgrid.crypto.public.envelope import decode, pack_signed, unpack_signed
from quietgrid.crypto.public.sealing import seal_info
from quietgrid.crypto.public.signatures import Identity, open_signed
from quietgrid.crypto.secret.chain import PAIRS_OF
from quietgrid.crypto.secret.ledger_body import open_body
from quietgrid.crypto.unseal import PrivateKem
from quietgrid.errors import ConfigError, ConflictError, InputError, NotFoundError, RefusedError, VerificationError
from quietgrid.keyholder.server.process import Background, order_recovery
from quietgrid.meter import Site
from quietgrid.model.interval import DAY_S
from quietgrid.runtime.founding import identity
from quietgrid.wire.links import error_of
from quietgrid.wire.messages import Adoption, Certificate, Consent, LedgerNote, Signed
from quietgrid.wire.own import Erase
from quietgrid.wire.recovery import (
    RecoveryApproval,
    RecoveryRequest,
    Release,
    ReleasedKeys,
    Takeover,
    fingerprint,
    newest_request,
    open_request,
)
from tests.runtime.hamlet import FIRST_DAY, Hamlet, days

HOME = 103
"""Its meter is 4."""


class Applicant:
    """Somebody with fresh keys."""

    def __init__(self, hamlet: Hamlet, home: int = HOME) -> None:
        self.identity, self.kem, self.home = Identity.generate(), PrivateKem.generate("x25519"), home
        self.community = hamlet.community.card.community
        message = RecoveryRequest(self.community, home, self.identity.public, self.kem.public, 1.0)
        self.request = self.identity.sign(message)

    def open(self, signed: Signed, keyholder_pk: bytes) -> ReleasedKeys:
        release = open_signed(signed, Release, keyholder_pk)
        info = seal_info(ReleasedKeys.NAME, self.community, self.home, self.identity.public)
        return decode(ReleasedKeys, self.kem.open(release.sealed, info))


@pytest.fixture
def hamlet(tmp_path: Path) -> Iterator[Hamlet]:
    made = Hamlet(tmp_path)
    yield made
    made.close()


def key_at(hamlet: Hamlet, index: int, home: int = HOME) -> bytes:
    return hamlet.community.keyholders[index].memory.household_pk[home]


def hear(hamlet: Hamlet, *indexes: int) -> None:
    for index in indexes or (0, 1, 2):
        hamlet.community.keyholders[index].hear_recoveries()


def recover(hamlet: Hamlet, who: Applicant, *approve: int) -> None:
    for index in approve:
        hamlet.community.keyholders[index].approve_recovery(who.request, 3)
    for _ in range(2):
        hear(hamlet)


def consents_of(hamlet: Hamlet, index: int) -> set[int]:
    return hamlet.community.keyholders[index].memory.known.consents("e")


def test_two_keyholders_put_a_new_key_in_place_of_a_lost_one(hamlet: Hamlet) -> None:
    who, old = Applicant(hamlet), hamlet.community.household_keys[HOME]
    card, keyholders = hamlet.community.card, hamlet.community.keyholders
    consent = old.sign(Consent(card.community, HOME, "e", "event", "platform", 1e12))
    for keyholder in keyholders:
        assert keyholder.register([consent]) == [None]
    keyholders[0].approve_recovery(who.request, 3)
    hear(hamlet)
    assert [key_at(hamlet, i) == old.public for i in range(3)] == [True] * 3, "one approval replaces nothing"
    assert keyholders[0].recovery_pending
    assert consents_of(hamlet, 0) == {HOME}

    keyholders[2].approve_recovery(who.request, 3)
    hear(hamlet, 2)
    assert [key_at(hamlet, i) == who.identity.public for i in range(3)] == [False, False, True]
    hear(hamlet, 1)
    assert key_at(hamlet, 1) == old.public, "a keyholder that did not approve waits for two takeovers"
    hear(hamlet, 0, 1)
    assert [key_at(hamlet, i) == who.identity.public for i in range(3)] == [True] * 3
    assert not any(keyholder.recovery_pending for keyholder in keyholders)
    for index, keyholder in enumerate(keyholders):
        assert consents_of(hamlet, index) == set(), "what the lost key had signed ends"
        refused = keyholder.register([old.sign(Consent(card.community, HOME, "f", "event", "platform", 1e12))])[0]
        assert refused is not None
        assert isinstance(error_of(refused), RefusedError)
        new = who.identity.sign(Consent(card.community, HOME, "e", "event", "platform", 1e12))
        assert keyholder.register([new]) == [None]
        assert consents_of(hamlet, index) == {HOME}


def test_what_is_released_are_the_pairs_of_those_who_approved(hamlet: Hamlet) -> None:
    community = hamlet.community
    community.measure(hamlet.readings(days(0, 3)))
    community.settle()
    who = Applicant(hamlet)
    with pytest.raises(NotFoundError):
        community.keyholders[0].release(HOME)
    recover(hamlet, who, 0, 1)
    pks = community.card.keyholder_pks
    released = [who.open(community.keyholders[i].release(HOME), pks[i]) for i in range(3)]
    assert [len(keys.meters) for keys in released] == [1, 1, 0], "the third releases no day"
    for index in (0, 1):
        meter = released[index].meters[0]
        assert (meter.pid, meter.d0, meter.registers) == (4, FIRST_DAY, 1)
        assert meter.days == list(range(FIRST_DAY, int(community.clock.now()) // DAY_S + 1))
        keys = np.frombuffer(meter.keys, np.uint8).reshape(-1, 2, 32)
        for at, day in enumerate(meter.days):
            row = list(community.bank.pids).index(4)
            theirs = community.bank._keys.day_keys(day)[:, row]
            assert np.array_equal(keys[at], theirs[list(PAIRS_OF[index])])
    for keyholder, keys in zip(community.keyholders, released, strict=True):
        notes = own_notes(hamlet, keyholder.index, keys.ledger_key)
        assert [note.asked_by for note in notes if note.kind == "recovered"] == ["keyholder 0 and keyholder 1"]
    stranger = Applicant(hamlet)
    with pytest.raises(VerificationError):
        stranger.open(community.keyholders[0].release(HOME), pks[0])


def own_notes(hamlet: Hamlet, index: int, key: bytes) -> list[LedgerNote]:
    with hamlet.community.keyholders[index].parts.store.read() as tx:
        tx.ledger.verify()
        entries = tx.ledger.entries(home=HOME)
    return [decode(LedgerNote, open_body(key, e.salt, HOME, e.body)) for e in entries]


def test_everybody_can_see_that_some_key_was_replaced(hamlet: Hamlet) -> None:
    recover(hamlet, Applicant(hamlet), 1, 2)
    for keyholder in hamlet.community.keyholders:
        with keyholder.parts.store.read() as tx:
            entries = tx.ledger.entries(kind="recovered")
        assert [entry.home for entry in entries] == [None, HOME]
        assert decode(LedgerNote, entries[0].body).asked_by == "keyholder 1 and keyholder 2"


def test_a_third_that_was_away_learns_it_when_it_is_back(hamlet: Hamlet) -> None:
    community, who = hamlet.community, Applicant(hamlet)
    community.stop_keyholder(2)
    recover_two(hamlet, who)
    community.clock.unix += 40 * DAY_S
    community.keyholders[2] = community.start_keyholder(2)
    assert key_at(hamlet, 2) != who.identity.public
    community.keyholders[2].hear_recoveries()
    assert key_at(hamlet, 2) == who.identity.public, "a takeover counts for ever, an approval does not"


def recover_two(hamlet: Hamlet, who: Applicant) -> None:
    for index in (0, 1):
        hamlet.community.keyholders[index].approve_recovery(who.request, 3)
    hear(hamlet, 0, 1)


@pytest.mark.parametrize("killed", [0, 1, 2, 3])
def test_killed_between_the_steps(hamlet: Hamlet, killed: int) -> None:
    """Whoever is killed, and after whichever step: what was said stays said, and it comes to the same end."""
    community, who = hamlet.community, Applicant(hamlet)

    def kill(step: int) -> None:
        if step == killed:
            for index in (0, 1):
                community.stop_keyholder(index)
                community.keyholders[index] = community.start_keyholder(index)

    first = community.keyholders[0].approve_recovery(who.request, 3)
    kill(0)
    assert community.keyholders[0].approve_recovery(who.request, 3) == first, "the same approval, not a second one"
    community.keyholders[1].approve_recovery(who.request, 3)
    kill(1)
    hear(hamlet, 1)
    kill(2)
    hear(hamlet, 0)
    kill(3)
    hear(hamlet)
    assert [key_at(hamlet, i) == who.identity.public for i in range(3)] == [True] * 3
    pks = community.card.keyholder_pks
    assert len(who.open(community.keyholders[1].release(HOME), pks[1]).meters) == 1
    for keyholder in community.keyholders:
        with keyholder.parts.store.read() as tx:
            assert len(tx.ledger.entries(kind="recovered")) == 2, "written down once"


def test_an_approval_is_for_one_key_one_home_and_some_days(hamlet: Hamlet) -> None:
    community, who, other = hamlet.community, Applicant(hamlet), Applicant(hamlet)
    keyholder = community.keyholders[0]
    keyholder.approve_recovery(who.request, 2)
    with pytest.raises(ConflictError, match="other keys"):
        keyholder.approve_recovery(other.request, 2)
    community.clock.unix += 2 * DAY_S + 1
    community.keyholders[1].approve_recovery(who.request, 2)
    hear(hamlet)
    assert key_at(hamlet, 1) != who.identity.public, "the first approval is over"
    keyholder.approve_recovery(who.request, 2)
    hear(hamlet)
    hear(hamlet)
    assert [key_at(hamlet, i) == who.identity.public for i in range(3)] == [True] * 3
    with pytest.raises(NotFoundError):
        keyholder.approve_recovery(Applicant(hamlet, home=999).request, 2)
    with pytest.raises(InputError):
        keyholder.approve_recovery(Applicant(hamlet, home=104).request, 400)
    forged = Signed(who.request.name, who.request.body, who.request.signer, other.request.signature)
    with pytest.raises(VerificationError):
        keyholder.approve_recovery(forged, 2)


def test_a_home_can_lose_its_key_twice(hamlet: Hamlet) -> None:
    """The proofs of the first recovery do not lead back from the second key; a platform follows both in one step."""
    community, first, second = hamlet.community, Applicant(hamlet), Applicant(hamlet)
    old = community.household_keys[HOME].public
    recover(hamlet, first, 0, 1)
    early = community.keyholders[0].recoveries(b"", community.keyholders[1].head())
    recover(hamlet, second, 1, 2)
    assert [key_at(hamlet, i) == second.identity.public for i in range(3)] == [True] * 3
    for keyholder in community.keyholders:
        keyholder._recoveries.take(early)
    assert [key_at(hamlet, i) == second.identity.public for i in range(3)] == [True] * 3
    proof = open_signed(community.keyholders[0].release(HOME), Release, community.card.keyholder_pks[0]).takeovers
    assert newest_request(community.card, HOME, old, proof).request.household_pk == second.identity.public
    assert newest_request(community.card, HOME, first.identity.public, proof).keyholder in (0, 1, 2)
    assert newest_request(community.card, HOME, second.identity.public, proof).request.home == HOME
    with pytest.raises(VerificationError, match="fewer than 2"):
        newest_request(community.card, HOME, second.identity.public, [pack_signed(signed) for signed in early])
    with pytest.raises(VerificationError, match="fewer than 2"):
        newest_request(community.card, HOME + 1, old, proof)
    lone = [data for data in proof if decode(Takeover, unpack_signed(data).body).keyholder == 1]
    with pytest.raises(VerificationError, match="fewer than 2"):
        newest_request(community.card, HOME, old, lone * 2)


def test_an_erased_home_stays_erased(hamlet: Hamlet) -> None:
    own = hamlet.community.household_keys[HOME]
    for keyholder in hamlet.community.keyholders:
        assert keyholder.register([own.sign(Erase(hamlet.community.card.community, HOME, "", 1.0))]) == [None]
    with pytest.raises(NotFoundError):
        hamlet.community.keyholders[0].approve_recovery(Applicant(hamlet).request, 2)


def test_a_third_operator_may_release_later(hamlet: Hamlet) -> None:
    community, who = hamlet.community, Applicant(hamlet)
    recover(hamlet, who, 0, 1)
    pk = community.card.keyholder_pks[2]
    assert who.open(community.keyholders[2].release(HOME), pk).meters == []
    community.keyholders[2].approve_recovery(who.request, 2)
    assert len(who.open(community.keyholders[2].release(HOME), pk).meters) == 1


def test_the_process_takes_its_operators_orders(hamlet: Hamlet, tmp_path: Path) -> None:
    community, who = hamlet.community, Applicant(hamlet)
    assert fingerprint(who.request.hash()) != fingerprint(Applicant(hamlet).request.hash())
    assert open_request(who.request, community.card.community).home == HOME
    folders = [tmp_path / f"orders{i}" for i in range(2)]
    for index, folder in enumerate(folders):
        folder.mkdir()
        order = order_recovery(folder, who.request, 2)
        assert order.exists()
        Background(community.keyholders[index], folder)._obey()
        assert not order.exists()
    wrong = order_recovery(folders[0], Applicant(hamlet, home=999).request, 2)
    with pytest.raises(NotFoundError):
        Background(community.keyholders[0], folders[0])._obey()
    wrong.write_bytes(b"something else")
    with pytest.raises(ConfigError, match="cannot be read"):
        Background(community.keyholders[0], folders[0])._obey()
    assert list(folders[0].iterdir()) == [], "an order that cannot be done is not tried for ever"
    hear(hamlet)
    assert [key_at(hamlet, i) == who.identity.public for i in range(3)] == [True] * 3


def test_a_new_meter_is_adopted_with_the_new_key_only(hamlet: Hamlet) -> None:
    """Also at a keyholder that has not heard yet: it asks its peers before it refuses."""
    community, who = hamlet.community, Applicant(hamlet)
    old = community.household_keys[HOME]
    recover_two(hamlet, who)
    publics = community.bank.make([5001, 5002])
    maker = identity(community.folders.state / "maker")
    sites = [
        Site(
            pid, HOME, 1, own.public, who.kem.public, maker.sign(Certificate(public, 1, 14_500)),
            own.sign(Adoption(community.card.community, pid, HOME, public)),
        )
        for pid, public, own in zip([5001, 5002], publics, [who.identity, old], strict=True)
    ]  # fmt: skip
    enrolments = community.bank.enrol(sites, FIRST_DAY + 1)
    for keyholder in community.keyholders:
        fine, refused = keyholder.enrol(enrolments)
        assert isinstance(fine, Signed)
        assert not isinstance(refused, Signed)
        assert isinstance(error_of(refused), ConflictError)
    again = list(community.bank.enrolments().values())
    assert all(isinstance(item, Signed) for item in community.keyholders[0].enrol(again[:5])), "asking again is fine"
    released = who.open(community.keyholders[0].release(HOME), community.card.keyholder_pks[0])
    assert [meter.pid for meter in released.meters] == [4], "the new meter's keys need no release"


def test_approvals_say_what_they_replace(hamlet: Hamlet) -> None:
    who, old = Applicant(hamlet), hamlet.community.household_keys[HOME]
    signed = hamlet.community.keyholders[0].approve_recovery(who.request, 2)
    approval = open_signed(signed, RecoveryApproval, hamlet.community.card.keyholder_pks[0])
    assert approval.replaces == old.public
    assert approval.expires == hamlet.community.clock.now() + 2 * DAY_S
