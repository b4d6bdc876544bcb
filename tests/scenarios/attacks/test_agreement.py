"""Attacks on the agreement between keyholders: PROTOCOL C, A1-A5."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from msgspec.structs import replace

from quietgrid.crypto.public.envelope import Signed
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import ConflictError, GateRefusal, UnavailableError
from quietgrid.keyholder.peers import DEGRADED_S
from quietgrid.lab.community import Community
from quietgrid.lab.local import LocalLink
from quietgrid.mdms import LiarError
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import Window
from quietgrid.model.question import Kind, Quantity
from quietgrid.model.readings import Readings
from quietgrid.model.total import Status
from quietgrid.wire.links import Outcome
from quietgrid.wire.messages import Sums, VoteLog
from tests.scenarios.attacks.conftest import Found
from tests.scenarios.attacks.spy import D0, SECRET, Spy, off, random_readings, released, residents, settle_time

RULES = GateRules(k=3, max_share_percent=50)
PEOPLE = residents({"A": [1] * 8})
VICTIM = 103
SLOTS = 8
DISHONEST = ("votes", "once", "catch-up", "settle")


def victim_row(readings: Readings) -> int:
    return readings.meters.tolist().index(7 * VICTIM)


def delivered(found: Found, in_step: bool = True) -> tuple[Community, Readings]:
    """Eight slots delivered and one more, closed: all are in step. The victim reads SECRET in every slot."""
    community = found(PEOPLE, 2, RULES)
    readings = random_readings(PEOPLE, Window(D0 * 96, D0 * 96 + SLOTS + 1, 900))
    readings.imported_wh[victim_row(readings)] = SECRET
    community.measure(readings)
    community.clock.unix = settle_time(D0, SLOTS + 1, RULES)
    if in_step:
        spy = Spy(community)
        spy.vote([spy.close(D0, SLOTS, SLOTS + 1)])
    return community, readings


@pytest.fixture
def town(found: Found) -> tuple[Community, Readings]:
    return delivered(found)


def faults(community: Community, index: int) -> list[tuple[int, int]]:
    with community.keyholders[index].parts.store.read() as tx:
        return [(fault.first, fault.end) for fault in tx.votes.faults()]


# -- A1: one set to {0, 1}, another to {1, 2} -----------------------------------------------------------------------


def test_two_sets_for_two_pairs(town: tuple[Community, Readings]) -> None:
    community, _ = town
    spy = Spy(community)
    both, without = spy.close(D0, 0, 1), spy.close(D0, 0, 1, omit=[(VICTIM, 0)])
    with off(community, *DISHONEST, only=[1]):  # keyholder 1 votes for both
        spy.vote([both], 0, 1)
        spy.vote([without], 1, 2)
        for close, pair in ((both, (0, 1)), (without, (2, 1))):
            with pytest.raises(UnavailableError, match="has not voted for the same close"):
                spy.total(close, "A", *pair)
        assert released(community) == [0, 0, 0]
        assert faults(community, 0) == faults(community, 2) == [(D0 * 96, D0 * 96 + 1)]

        both, without = spy.close(D0, 1, 2), spy.close(D0, 1, 2, omit=[(VICTIM, 1)])
        with off(community, "votes", only=[0, 2]):
            spy.vote([both], 0, 1)
            spy.vote([without], 1, 2)
            recovered = spy.total(both, "A", 0, 1).values - spy.total(without, "A", 2, 1).values
    assert recovered.tolist() == [SECRET]


def test_a_cut_link_lets_it_through_and_leaves_signed_proof(town: tuple[Community, Readings]) -> None:
    """The limit of the claim: platform + one keyholder + a cut link, found out afterwards."""
    community, _ = town
    spy = Spy(community)
    both, without = spy.close(D0, 0, 2), spy.close(D0, 0, 2, omit=[(VICTIM, 0)])
    for cut in ((0, 2), (2, 0)):
        community.peer_links[cut].up = False
    with off(community, *DISHONEST, only=[1]):
        spy.vote([both], 0, 1)
        spy.vote([without], 1, 2)
        recovered = spy.total(both, "A", 0, 1).values - spy.total(without, "A", 2, 1).values
        assert recovered.tolist() == [SECRET, 0]
    for cut in ((0, 2), (2, 0)):
        community.peer_links[cut].up = True
    later = spy.close(D0, 2, 3)
    spy.vote([later], 0, 1)
    with pytest.raises(UnavailableError):
        spy.total(later, "A", 0)  # 2 has not voted yet, so 0 looks at its log: there it is
    assert faults(community, 0) == [(D0 * 96, D0 * 96 + 2)]
    with pytest.raises(GateRefusal) as refused:
        spy.total(both, "A", 0, quantity=Quantity.EXPORT)
    assert refused.value.rule == "partition"


# -- A2: one is really down, and back with stale history ------------------------------------------------------------


class SilentLink(LocalLink):
    """How a dishonest keyholder shows itself to a peer that comes back: it has voted on nothing."""

    def log_after(self, seq: int, head: Signed) -> VoteLog:
        return VoteLog(self.index, [], 0, 0, b"")


def bring_back(community: Community, index: int) -> None:
    community.keyholders[index] = community.start_keyholder(index)


def test_back_with_stale_history(town: tuple[Community, Readings]) -> None:
    community, _ = town
    spy = Spy(community)
    both, without = spy.close(D0, 0, 1), spy.close(D0, 0, 1, omit=[(VICTIM, 0)])
    community.stop_keyholder(2)
    spy.vote([both], 0, 1)
    first = spy.total(both, "A", 0, 1)
    assert first.status is Status.PROVISIONAL
    community.stop_keyholder(0)
    silent = SilentLink(1)
    silent.keyholder = community.keyholders[1]
    community.peer_links[2, 1] = silent
    community.clock.unix += 60
    bring_back(community, 2)
    with off(community, *DISHONEST, only=[1]):
        with pytest.raises(UnavailableError, match="catching up"):
            spy.vote([without], 2)
        assert released(community)[2] == 0
        with off(community, "catch-up", only=[2]):
            spy.vote([without], 1, 2)
            recovered = first.values - spy.total(without, "A", 2, 1).values
    assert recovered.tolist() == [SECRET]


def test_a_keyholder_that_is_back_votes_as_both_peers_did(town: tuple[Community, Readings]) -> None:
    community, _ = town
    spy = Spy(community)
    both, without = spy.close(D0, 0, 1), spy.close(D0, 0, 1, omit=[(VICTIM, 0)])
    community.stop_keyholder(2)
    spy.vote([both], 0, 1)
    provisional = spy.total(both, "A", 0, 1)
    community.clock.unix += 60
    bring_back(community, 2)
    assert community.keyholders[2].catch_up()
    confirmed = spy.total(both, "A", 0, 1, 2)
    assert confirmed.status is Status.CONFIRMED
    assert confirmed.values.tolist() == provisional.values.tolist()
    assert confirmed.digests == provisional.digests
    with pytest.raises(ConflictError, match="another close"):
        spy.vote([without], 2)


def test_two_answer_alone_for_a_day_then_both_operators_confirm(town: tuple[Community, Readings]) -> None:
    community, _ = town
    spy = Spy(community)
    closes = [spy.close(D0, slot, slot + 1) for slot in range(4)]
    spy.vote(closes)
    assert spy.total(closes[0], "A").status is Status.CONFIRMED
    community.stop_keyholder(2)
    assert spy.total(closes[3], "A", 0, 1).status is Status.PROVISIONAL
    community.clock.unix += DEGRADED_S
    assert spy.total(closes[1], "A", 0, 1).status is Status.PROVISIONAL
    community.clock.unix += 1
    with pytest.raises(UnavailableError, match="both operators"):
        spy.total(closes[2], "A", 0, 1)
    community.keyholders[0].carry_on(2, community.clock.now() + 3600)
    with pytest.raises(UnavailableError, match="both operators"):
        spy.total(closes[2], "A", 0, 1)
    community.keyholders[1].carry_on(2, community.clock.now() + 3600)
    assert spy.total(closes[2], "A", 0, 1).status is Status.PROVISIONAL


# -- A3: asked again with another set -------------------------------------------------------------------------------


def test_a_second_close_is_proof_of_fault_and_voids_the_slots(town: tuple[Community, Readings]) -> None:
    community, _ = town
    spy = Spy(community)
    both, without = spy.close(D0, 0, 3), spy.close(D0, 2, 4, omit=[(VICTIM, 2)])
    spy.vote([both])
    for index in range(3):
        with pytest.raises(ConflictError, match="votes are final"):
            spy.vote([without], index)
    spy.vote([both])  # asking again is no fault
    for index in range(3):
        assert faults(community, index) == [(D0 * 96 + 2, D0 * 96 + 3)]  # the slot in both closes, no other
    with pytest.raises(GateRefusal) as refused:
        spy.total(both, "A")
    assert refused.value.rule == "void"
    assert released(community) == [0, 0, 0]

    both, without = spy.close(D0, 5, 6), spy.close(D0, 5, 6, omit=[(VICTIM, 5)])
    with off(community, "once"):
        spy.vote([both, without])
        recovered = spy.total(both, "A").values - spy.total(without, "A").values
    assert recovered.tolist() == [SECRET]


# -- A4, A5: a keyholder that lies ----------------------------------------------------------------------------------


class LiarLink(LocalLink):
    """A keyholder that adds something to chosen components, and signs it."""

    def __init__(self, index: int, added: Sequence[int]) -> None:
        super().__init__(index)
        self.added = added

    def questions(self, questions: Sequence[Signed]) -> list[Outcome]:
        keyholder = self._reach()
        public = keyholder.parts.identity.public
        out: list[Outcome] = []
        for outcome in super().questions(questions):
            assert isinstance(outcome, Signed)
            sums = open_signed(outcome, Sums, public)
            lied = [
                (np.frombuffer(component, "<u8") + np.uint64(more)).tobytes()
                for component, more in zip(sums.components, self.added, strict=True)
            ]
            out.append(
                keyholder.parts.identity.sign(Sums(sums.keyholder, sums.question, sums.allowed, sums.counts, lied))
            )
        return out


def lie(community: Community, index: int, added: Sequence[int]) -> None:
    link = LiarLink(index, added)
    link.keyholder = community.keyholders[index]
    community.links[index] = link


@pytest.mark.parametrize("honest_first", [True, False])
def test_a_liar_is_named_and_its_answer_withheld(town: tuple[Community, Readings], honest_first: bool) -> None:
    community, readings = town
    cases = [
        (0, (5, 9), (0,), (0, 1)), (1, (5, 9), (1,), (0, 2)), (2, (5, 9), (2,), (1, 2)),
        (0, (5, 0), (0, 1), (0,)), (0, (0, 5), (0, 2), (1,)), (2, (0, 5), (1, 2), (2,)),
    ]  # fmt: skip
    spy = Spy(community)
    for slot, (liar, added, suspects, pairs) in enumerate(cases):
        close = spy.close(D0, slot, slot + 1)
        spy.vote([close])
        if honest_first:
            assert spy.total(close, "A").values.tolist() == [int(readings.imported_wh[:, slot].sum())]
        lie(community, liar, added)
        with pytest.raises(LiarError) as caught:
            spy.total(close, "A")
        assert (caught.value.suspects, caught.value.pairs) == (suspects, pairs)
        lie(community, liar, (0, 0))


def test_without_comparing_a_lie_goes_through(town: tuple[Community, Readings]) -> None:
    """The rule off: whoever takes each component from one keyholder only gets what the liar likes."""
    community, readings = town
    spy = Spy(community)
    close = spy.close(D0, 0, 1)
    spy.vote([close])
    lie(community, 0, (1_000, 0))
    question = spy.question(Kind.TOTALS, "A", (D0 * 96, D0 * 96 + 1), [close], quantity="import")
    sums = spy.ask(question)
    with pytest.raises(LiarError):
        spy.open_total(close, "A", sums)
    uncompared = {0: sums[0], 1: replace(sums[1], components=[sums[0].components[0], sums[1].components[1]])}
    total = spy.open_total(close, "A", uncompared)
    assert total.values.tolist() == [int(readings.imported_wh[:, 0].sum()) - 1_000]


def test_a_lie_to_two_is_found_when_the_third_is_back(found: Found) -> None:
    """With one keyholder away, the other two are each the only source of one component: hence `provisional`."""
    community, readings = delivered(found, in_step=False)
    lie(community, 0, (0, 1_000))  # component 02, which keyholder 2 would contradict
    community.stop_keyholder(2)
    community.platform.keyholders.links = tuple(community.links)
    outcome = community.settle()
    assert (outcome.answered, outcome.liars) == (1, [])
    window = readings.window
    with community.platform.parts.store.read() as tx:
        wrong = tx.totals.total("A", Quantity.IMPORT, window)
    assert wrong.status is Status.PROVISIONAL
    assert (wrong.energy_wh - readings.imported_wh.sum(axis=0)).tolist() == [-1_000] * (SLOTS + 1)
    bring_back(community, 2)
    contradicted = community.platform.resume()
    assert [(liar.suspects, liar.pairs) for liar in contradicted.liars] == [((0, 2), (1,))]
    with community.platform.parts.store.read() as tx:
        assert tx.totals.total("A", Quantity.IMPORT, window).status is not Status.CONFIRMED
