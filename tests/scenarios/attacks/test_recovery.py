"""Attacks on key recovery: taking a home over with less than two keyholders' operators (docs/decisions 0019)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from quietgrid.crypto.public.envelope import Signed, decode, pack_signed, unpack_signed
from quietgrid.crypto.public.sealing import seal_info
from quietgrid.crypto.public.signatures import Identity, open_signed
from quietgrid.crypto.unseal import PrivateKem
from quietgrid.errors import NotFoundError, VerificationError
from quietgrid.household.recovering import join
from quietgrid.lab.community import Community
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import DAY_S, Window
from quietgrid.runtime.founding import identity
from quietgrid.runtime.own import OwnDesk
from quietgrid.runtime.periods import Periods
from quietgrid.wire.links import error_of
from quietgrid.wire.messages import Refusal
from quietgrid.wire.recovery import (
    RecoveryApproval,
    RecoveryRequest,
    Release,
    ReleasedKeys,
    ReleasedMeter,
    Takeover,
)
from tests.scenarios.attacks.conftest import Found
from tests.scenarios.attacks.spy import D0, SECRET, off, random_readings, residents
from tests.scenarios.attacks.test_keys import unmasked

RULES = GateRules(k=3, max_share_percent=50)
HOME, OTHER, AT = 103, 104, 2
"""The home that is attacked; one that has really lost its keys; the planted interval."""


class Thief:
    """Somebody who wants a home: keys, a request, and what keyholders released to them."""

    def __init__(self, community: Community, home: int = HOME) -> None:
        self.community, self.home = community, home
        self.identity, self.kem = Identity.generate(), PrivateKem.generate("x25519")
        card = community.card
        self.request = self.identity.sign(
            RecoveryRequest(card.community, home, self.identity.public, self.kem.public, 1.0)
        )

    def approval(self, keyholder: int, signer: Identity, expires: float = 1e12) -> Signed:
        old = self.community.household_keys[self.home].public
        return signer.sign(RecoveryApproval(keyholder, pack_signed(self.request), old, expires))

    def takeover(self, keyholder: int, signer: Identity) -> Signed:
        old = self.community.household_keys[self.home].public
        return signer.sign(Takeover(keyholder, pack_signed(self.request), old, [0, 1, 2], 1.0))

    def owns(self, index: int) -> bool:
        return self.community.keyholders[index].memory.household_pk[self.home] == self.identity.public

    def released(self) -> dict[int, list[ReleasedMeter]]:
        found = {}
        for index, keyholder in enumerate(self.community.keyholders):
            if self.owns(index):
                release = open_signed(keyholder.release(self.home), Release, self.community.card.keyholder_pks[index])
                info = seal_info(ReleasedKeys.NAME, self.community.card.community, self.home, self.identity.public)
                found[index] = decode(ReleasedKeys, self.kem.open(release.sealed, info)).meters
        return found


@pytest.fixture
def planted(found: Found) -> tuple[Community, bytes]:
    """A community with the secret in one interval of the home, and the frame the platform holds."""
    community = found(residents({"A": [1] * 8}), 3, RULES)
    series = random_readings(community.residents, Window(D0 * 96, D0 * 96 + 8, 900))
    series.imported_wh[3, AT] = SECRET
    frames = community.seal(series)
    community.send(frames)
    return community, next(sent.frame for sent in frames if sent.pid == 7 * HOME)


def key_of(community: Community, index: int) -> Identity:
    """The signing key of a keyholder that has turned."""
    return community.keyholders[index].parts.identity


def spread(community: Community, statements: Sequence[Signed]) -> None:
    """Show statements to every keyholder, as a peer would, until nothing changes any more."""
    for _ in range(2):
        for keyholder in community.keyholders:
            with keyholder._writing:
                keyholder._recoveries.take(statements)
            keyholder.hear_recoveries()


def reads(frame: bytes, thief: Thief) -> bool:
    """Whether what was released opens the planted reading."""
    for meter in join(thief.released()):
        for day in range(meter.first, meter.end):
            at = 96 * (day - meter.first)
            keys: NDArray[np.uint8] = np.frombuffer(meter.keys[at : at + 96], np.uint8).reshape(3, 1, 32)
            if day == D0 and unmasked(frame, np.ascontiguousarray(keys[:, 0]))[AT] == SECRET:
                return True
    return False


@pytest.mark.parametrize(("operators", "succeeds"), [((0,), False), ((1,), False), ((0, 1), True), ((1, 2), True)])
def test_it_takes_two_operators(planted: tuple[Community, bytes], operators: Sequence[int], succeeds: bool) -> None:
    """Two keyholders together can open everything: that is the claim's limit. Here the ledgers of all three say so."""
    community, frame = planted
    thief = Thief(community)
    for index in operators:
        community.keyholders[index].approve_recovery(thief.request, 3)
    spread(community, [])
    assert [thief.owns(index) for index in range(3)] == [succeeds] * 3
    assert reads(frame, thief) is succeeds
    for keyholder in community.keyholders:
        with keyholder.parts.store.read() as tx:
            told = [entry.home for entry in tx.ledger.entries(kind="recovered")]
        assert told == ([None, HOME] if succeeds else [])


def test_one_keyholder_says_what_it_likes(planted: tuple[Community, bytes]) -> None:
    """Keyholder 0 has turned: it signs approvals and takeovers in its own name, and in the others' with its key."""
    community, frame = planted
    thief, turned = Thief(community), key_of(community, 0)
    lies = [thief.approval(0, turned), thief.takeover(0, turned)]
    lies += [make(index, turned) for make in (thief.approval, thief.takeover) for index in (1, 2)]
    spread(community, lies)
    assert [thief.owns(index) for index in (1, 2)] == [False, False]
    with off(community, "recovery", only=[1]):
        community.keyholders[1]._recoveries.take(lies)
    assert thief.owns(1), "without the rule the word of one is enough"
    assert thief.released()[1] == [], "and even then no day key leaves a keyholder whose operator did not approve"
    assert not reads(frame, thief)


def test_the_platform_forges_approvals(planted: tuple[Community, bytes]) -> None:
    """It carries messages and holds every ciphertext; nothing it signs counts, through whichever door."""
    community, frame = planted
    thief, platform = Thief(community), identity(community.folders.platform)
    lies = [make(index, platform) for make in (thief.approval, thief.takeover) for index in range(3)]
    spread(community, lies)
    for keyholder in community.keyholders:
        for refused in keyholder.register(lies):
            assert isinstance(refused, Refusal)
            assert isinstance(error_of(refused), VerificationError)
    assert not any(thief.owns(index) for index in range(3))
    assert not reads(frame, thief)
    with pytest.raises(NotFoundError):
        community.keyholders[0].release(HOME)
    with pytest.raises(VerificationError):
        OwnDesk(community.platform, Periods(community.platform)).recover(HOME, [pack_signed(lie) for lie in lies])


def test_approvals_for_one_home_used_for_another(planted: tuple[Community, bytes]) -> None:
    """A home has really lost its keys; a keyholder that has turned puts the approvals around another home's request."""
    community, frame = planted
    lawful, thief, turned = Thief(community, OTHER), Thief(community), key_of(community, 0)
    given = [community.keyholders[index].approve_recovery(lawful.request, 3) for index in (0, 1)]
    swapped = []
    for signed in given:
        message = decode(RecoveryApproval, signed.body)
        body = RecoveryApproval(message.keyholder, pack_signed(thief.request), message.replaces, message.expires).body()
        swapped.append(Signed(signed.name, body, signed.signer, signed.signature))
    same_keys = lawful.identity.sign(
        RecoveryRequest(community.card.community, HOME, lawful.identity.public, lawful.kem.public, 1.0)
    )
    old = community.household_keys[HOME].public
    own = turned.sign(RecoveryApproval(0, pack_signed(same_keys), old, 1e12))
    spread(community, [*swapped, own, thief.approval(0, turned)])
    assert [lawful.owns(index) for index in range(3)] == [True] * 3
    keys = {keyholder.memory.household_pk[HOME] for keyholder in community.keyholders}
    assert keys == {old}
    assert not reads(frame, thief)


def test_an_approval_used_for_other_keys(planted: tuple[Community, bytes]) -> None:
    """An honest operator approves the household's new keys; the keyholder that has turned stands for its own."""
    community, frame = planted
    lawful, thief, turned = Thief(community), Thief(community), key_of(community, 0)
    community.keyholders[1].approve_recovery(lawful.request, 3)
    spread(community, [thief.approval(0, turned), thief.takeover(0, turned)])
    assert [who.owns(index) for who in (lawful, thief) for index in (1, 2)] == [False] * 4
    community.keyholders[2].approve_recovery(lawful.request, 3)
    spread(community, [])
    assert [lawful.owns(index) for index in (1, 2)] == [True, True]
    assert not reads(frame, thief)
    desk = OwnDesk(community.platform, Periods(community.platform))
    mixed = [pack_signed(thief.takeover(0, turned)), *lawful_proof(lawful)[:1]]
    with pytest.raises(VerificationError, match="fewer than 2"):
        desk.recover(HOME, mixed)
    desk.recover(HOME, lawful_proof(lawful))
    assert desk.household_key(HOME) == lawful.identity.public


def lawful_proof(who: Thief) -> list[bytes]:
    release = open_signed(who.community.keyholders[1].release(who.home), Release, who.community.card.keyholder_pks[1])
    kept = [data for data in release.takeovers if decode(Takeover, unpack_signed(data).body).keyholder != 0]
    assert len(kept) == 2
    return kept


def test_an_approval_that_is_over(planted: tuple[Community, bytes]) -> None:
    """Kept back by a keyholder that has turned, and used later; with a takeover of its own, too."""
    community, frame = planted
    thief, turned = Thief(community), key_of(community, 0)
    late = community.keyholders[1].approve_recovery(thief.request, 3)
    community.clock.unix += 3 * DAY_S + 1
    spread(community, [late, thief.approval(0, turned), thief.takeover(0, turned)])
    assert [thief.owns(index) for index in (1, 2)] == [False, False]
    assert not reads(frame, thief)
