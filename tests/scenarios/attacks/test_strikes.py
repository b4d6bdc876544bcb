"""Attacks around implausible totals and days that were given away: PROTOCOL C, G12 and G13."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from quietgrid.algorithms.halves import HalvesPlan, halves_plan
from quietgrid.algorithms.plan import totals_plan
from quietgrid.algorithms.strikes import EPISODES, halved_closes, seed_of
from quietgrid.crypto.public.envelope import Signed, decode, pack_signed
from quietgrid.errors import ConflictError, GateRefusal, NotFoundError, VerificationError
from quietgrid.lab.community import Community
from quietgrid.mdms import Answer, open_sums
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import Window
from quietgrid.model.question import Kind, Quantity
from quietgrid.model.readings import Readings
from quietgrid.pes import blind_halves
from quietgrid.wire.messages import Alarm, Consent, Opened, Vote
from quietgrid.wire.own import Withdrawal
from tests.scenarios.attacks.spy import (
    D0,
    SECRET,
    Spy,
    found_community,
    off,
    random_readings,
    released,
    residents,
    settle_time,
)

RULES = GateRules(k=3, max_share_percent=50)
HOMES = 8
PEOPLE = residents({"A": [1] * HOMES, "B": [1] * HOMES, "C": [1] * HOMES})
VICTIM = 103
SLOTS = 96
NODES = ("A", "B", "C")


@dataclass
class Town:
    """Three leaves, a day delivered, nothing closed; each test uses slots or a leaf of its own."""

    community: Community
    readings: Readings
    spy: Spy

    def close(self, slot: int, *, leaf: int = 0, signed_at: float | None = None) -> Signed:
        made = self.spy.close(D0, slot, slot + 1, leaf=leaf, signed_at=signed_at)
        self.spy.vote([made])
        return made

    def alarm(self, close: Signed, slot: int, said: list[int], leaf: int = 0) -> Signed:
        """An alarm over a total, whatever it says opened."""
        span = (D0 * 96 + slot, D0 * 96 + slot + 1)
        asked = self.spy.question(Kind.TOTALS, NODES[leaf], span, [close], quantity="import")
        opened = self.spy.sign(Opened(asked.hash(), np.array(said, "<i8").tobytes(), [], "confirmed"))
        return self.spy.sign(Alarm(self.community.card.community, pack_signed(asked), pack_signed(opened)))

    def halves(self, close: Signed, slot: int, alarm: str, leaf: int = 0) -> tuple[HalvesPlan, Answer]:
        """Ask a close in halves and open it as the attacker does, with the votes it got."""
        span = (D0 * 96 + slot, D0 * 96 + slot + 1)
        sums = self.spy.ask(self.spy.question(Kind.HALVES, NODES[leaf], span, [close], quantity="import", vector=alarm))
        votes = [link.votes_on([close])[0] for link in self.community.links]
        lots = {i: decode(Vote, vote.body).lots for i, vote in enumerate(votes) if isinstance(vote, Signed)}
        members, cells = self.spy.members(), [self.spy.closed(close)]
        whole = totals_plan(members, NODES[leaf], Quantity.IMPORT, cells, RULES)
        plan = halves_plan(members, whole, cells, seed_of(lots), RULES)
        return plan, open_sums(blind_halves(self.spy.fetch(members), plan, 96), sums)

    def given(self, home: int, day: int = D0) -> Signed:
        """A household's consent to the keys of a day."""
        message = Consent(self.community.card.community, home, f"day:{day}", "advice", "utility", 4e9)
        return self.community.household_keys[home].sign(message)

    def read(self, slot: int, leaf: int = 0) -> NDArray[np.int64]:
        """What the homes of a leaf measured."""
        column: NDArray[np.int64] = self.readings.imported_wh[HOMES * leaf : HOMES * (leaf + 1), slot]
        return column


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    community = found_community(tmp_path_factory.mktemp("town"), PEOPLE, 3, RULES)
    readings = random_readings(PEOPLE, Window(D0 * 96, D0 * 96 + SLOTS, 900))
    readings.imported_wh[3] = SECRET
    community.measure(readings)
    community.clock.unix = settle_time(D0, SLOTS, RULES)
    yield Town(community, readings, Spy(community))
    community.close()


# -- G13: implausible totals ----------------------------------------------------------------------------------------


def test_asking_again_without_one_home_after_the_other(town: Town) -> None:
    """What an operator would do to find a bad meter: the total without home 1, without home 2, ... opens every home."""
    wholes = [town.spy.total(town.close(slot), "A").values for slot in (0, 1)]
    without = [town.spy.close(D0, slot, slot + 1, omit=[(VICTIM, slot)]) for slot in (0, 1)]
    with pytest.raises(ConflictError):
        town.spy.vote([without[0]])
    with off(town.community, "once"):
        town.spy.vote([without[1]])
        assert (wholes[1] - town.spy.total(without[1], "A").values).tolist() == [SECRET]


def test_halves_need_a_total_that_cannot_be_true(town: Town) -> None:
    closes = [town.close(slot) for slot in (10, 11)]
    before = released(town.community)
    with pytest.raises(NotFoundError):
        town.halves(closes[1], 11, "00" * 32)
    honest = town.alarm(closes[0], 10, [int(town.read(10).sum())])
    town.spy.register(honest)
    with pytest.raises(GateRefusal, match="plausible") as refused:
        town.halves(closes[1], 11, honest.hash().hex())
    assert refused.value.rule == "strike-halves"
    assert released(town.community) == before
    with off(town.community, "strike-halves"):
        plan, answer = town.halves(closes[1], 11, "any")
    assert answer.values.tolist() == [int(town.read(11)[plan.members[half, :, 0]].sum()) for half in (0, 1)]


def test_the_same_close_in_halves_again_and_again(town: Town) -> None:
    """Every close has its own lots. Could a slot be closed many times, its halves would open every home in it."""
    slot = 21
    now = town.community.clock.now()
    town.close(20)
    with pytest.raises(ConflictError):
        town.close(20, signed_at=now + 1)
    rows, sums = [], []
    with off(town.community, "once", "strike-halves"):
        for close in [town.close(slot, signed_at=now + n) for n in range(24)]:
            plan, answer = town.halves(close, slot, "any")
            rows += [plan.members[half, :, 0] for half in (0, 1)]
            sums += answer.values.tolist()
    found = np.linalg.lstsq(np.array(rows, np.float64), np.array(sums, np.float64), rcond=None)[0]
    assert np.rint(found).astype(np.int64).tolist() == town.read(slot).tolist()
    assert round(found[3]) == SECRET


def test_only_the_closes_that_follow_in_order_are_halved(town: Town) -> None:
    """The platform cannot wait for lots that it likes: which closes are halved is fixed by the alarm."""
    limit = halved_closes(HOMES)
    closes = {slot: town.close(slot, leaf=1) for slot in range(40, 42 + limit)}
    skipped = town.close(70, leaf=1)
    alarm = town.alarm(closes[40], 40, [1 << 40], leaf=1)
    town.spy.register(alarm)
    name = alarm.hash().hex()
    for slot, close in ((40, closes[40]), (41 + limit, closes[41 + limit]), (70, skipped)):
        with pytest.raises(GateRefusal, match="not one of those") as refused:
            town.halves(close, slot, name, leaf=1)
        assert refused.value.rule == "strike-halves"
    _, answer = town.halves(closes[40 + limit], 40 + limit, name, leaf=1)
    assert answer.values.sum() == town.read(40 + limit, leaf=1).sum()


def test_a_false_alarm_gives_sums_of_k_homes_and_ends(town: Town) -> None:
    """The limit of the rule: keyholders believe the platform's signed word on what opened, three times a month."""
    slots = (80, 82, 84, 86)
    closes = {slot: town.close(slot, leaf=2) for slot in range(80, 88)}
    alarms = [town.alarm(closes[slot], slot, [1 << 40], leaf=2) for slot in slots]
    for alarm, slot in zip(alarms[:EPISODES], slots, strict=False):
        town.spy.register(alarm)
        plan, answer = town.halves(closes[slot + 1], slot + 1, alarm.hash().hex(), leaf=2)
        assert plan.counts.min() >= RULES.k
        assert answer.allowed.all()
    with pytest.raises(GateRefusal, match="answered already") as refused:  # under another alarm, too
        town.halves(closes[83], 83, alarms[0].hash().hex(), leaf=2)
    assert refused.value.rule == "once"
    with pytest.raises(GateRefusal, match="searches") as refused:
        town.spy.register(alarms[-1])
    assert refused.value.rule == "strike-halves"


def test_a_lot_that_its_other_holder_did_not_draw(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three up: a keyholder that says another lot than its pair's other holder stops the halves, and chooses none."""
    with monkeypatch.context() as patch:
        patch.setattr(town.community.keyholders[1]._ballot, "_lots", lambda *_: (b"a" * 32, b"b" * 32))
        close = town.close(30)
    with off(town.community, "strike-halves"), pytest.raises(VerificationError, match="different lots"):
        town.halves(close, 30, "any")
    assert town.spy.total(close, "A").values.tolist() == [int(town.read(30).sum())]


# -- G12: days given away -------------------------------------------------------------------------------------------


@pytest.fixture
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    community = found_community(tmp_path_factory.mktemp("fresh"), PEOPLE, 2, RULES)
    readings = random_readings(PEOPLE, Window(D0 * 96, D0 * 96 + 4, 900))
    readings.imported_wh[3] = SECRET
    community.measure(readings)
    community.clock.unix = settle_time(D0, 4, RULES)
    yield Town(community, readings, Spy(community))
    community.close()


def test_all_but_one_give_their_day_to_the_utility(fresh: Town) -> None:
    """The total of the day less the readings it was given is the last home's."""
    others = [100 + n for n in range(HOMES) if 100 + n != VICTIM]
    fresh.spy.register(*[fresh.given(home) for home in others])
    known = int(np.delete(fresh.read(0), 3).sum())
    close = fresh.close(0)
    withheld = fresh.spy.total(close, "A")
    assert not withheld.allowed.any()
    assert not withheld.values.any()
    assert withheld.counts.tolist() == [HOMES]
    other = fresh.close(1)
    with off(fresh.community, "shared"):
        assert int(fresh.spy.total(other, "A").values[0]) - int(np.delete(fresh.read(1), 3).sum()) == SECRET
    assert known


def test_three_that_keep_their_day_hide_each_other(fresh: Town) -> None:
    fresh.spy.register(*[fresh.given(100 + n) for n in range(HOMES - RULES.k)])
    assert fresh.spy.total(fresh.close(0), "A").values.tolist() == [int(fresh.read(0).sum())]


def test_taking_the_consent_back_does_not_take_the_keys_back(fresh: Town) -> None:
    card = fresh.community.card.community
    for home in (100 + n for n in range(HOMES) if 100 + n != VICTIM):
        consent = fresh.given(home)
        fresh.spy.register(consent)
        key = fresh.community.household_keys[home]
        fresh.spy.register(key.sign(Withdrawal(card, home, consent.hash(), fresh.community.clock.now())))
    assert not fresh.spy.total(fresh.close(0), "A").allowed.any()


def test_a_day_whose_totals_are_out_is_not_given_away_by_almost_all(fresh: Town) -> None:
    fresh.spy.total(fresh.close(0), "A")
    homes = [100 + n for n in range(HOMES) if 100 + n != VICTIM]
    fresh.spy.register(*[fresh.given(home) for home in homes[: HOMES - RULES.k]])
    for home in homes[HOMES - RULES.k :]:
        with pytest.raises(GateRefusal) as refused:
            fresh.spy.register(fresh.given(home))
        assert refused.value.rule == "shared"
        fresh.spy.register(fresh.given(home, D0 + 1))  # a day to come: its totals will not open
    with off(fresh.community, "shared"):
        fresh.spy.register(*[fresh.given(home) for home in homes])


def test_a_lot_with_the_other_holder_away_is_found_out_on_return(fresh: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two up: keyholder 1 chooses the lot that it shares with 2 alone. The vote of 2 contradicts it."""
    community = fresh.community
    close, span = fresh.spy.close(D0, 0, 1), (D0 * 96, D0 * 96 + 1)
    community.stop_keyholder(2)
    with monkeypatch.context() as patch:
        ballot = community.keyholders[1]._ballot
        honest = ballot._lots
        patch.setattr(ballot, "_lots", lambda *given: (honest(*given)[0], b"chosen by keyholder one, freely!"))
        fresh.spy.vote([close], 0, 1)
    asked = fresh.spy.question(Kind.HALVES, "A", span, [close], quantity="import", vector="any")
    with off(community, "strike-halves"):
        assert set(fresh.spy.ask(asked, 0, 1)) == {0, 1}
    community.keyholders[2] = community.start_keyholder(2)
    community.keyholders[2].catch_up()
    with off(community, "strike-halves"), pytest.raises(VerificationError, match="different lots"):
        fresh.spy.ask(asked, 2)
