"""A meter that spoils totals is found by strikes, live and in days, with a keyholder away, across a restart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from quietgrid.accounts import Role, Viewer
from quietgrid.api.desk import quality
from quietgrid.api.services import Services
from quietgrid.api.settings import Settings
from quietgrid.crypto.public.envelope import decode
from quietgrid.errors import ForbiddenError
from quietgrid.household.ledger import explain
from quietgrid.keyholder.halving import halved_seeds
from quietgrid.lab.commission import demo_tariffs
from quietgrid.lab.community import Community
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import Window
from quietgrid.model.question import Quantity
from quietgrid.model.total import Status
from quietgrid.runtime.answering import Outcomes
from quietgrid.runtime.audit import export_bundle
from quietgrid.runtime.platform import platform_at
from quietgrid.runtime.proving import answer_steps
from quietgrid.runtime.replay import verify_bundle
from quietgrid.runtime.strikes import Search, found_so_far
from quietgrid.wire.messages import Consent, LedgerNote
from tests.scenarios.attacks.spy import D0, found_community, random_readings, residents

RULES = GateRules()
HOMES = 32
PEOPLE = residents({"Mill Lane": [1] * HOMES})
LIAR = 117
GIANT = 1 << 40
FIRST = D0 * 96
Make = Callable[[], Community]
Lies = NDArray[np.bool_]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Founds a leaf of 32 homes; a meter there may seal what no honest meter would."""
    for where in ("meter.sealing", "model.readings"):
        monkeypatch.setattr(f"quietgrid.{where}.MAX_READING_WH", 1 << 62)
    made: list[Community] = []

    def found() -> Community:
        made.append(found_community(tmp_path / str(len(made)), PEOPLE, 40, RULES))
        return made[-1]

    yield found
    for community in made:
        community.close()


def live(community: Community, first: int, lies: Lies, width: int = 1) -> NDArray[np.int64]:
    """Measure and close so many slots, `width` a close; where `lies`, the liar sends 2^40 Wh. What was measured."""
    out = []
    for at in range(0, len(lies), width):
        readings = random_readings(PEOPLE, Window(FIRST + first + at, FIRST + first + at + width, 900), seed=first + at)
        row = [r.party.home for r in PEOPLE].index(LIAR)
        readings.imported_wh[row] += GIANT * lies[at : at + width]
        community.measure(readings)
        community.clock.unix = max(community.clock.unix, float((readings.window.end + RULES.settle_slots) * 900))
        outcomes = community.platform.close_due(readings.window.end)
        assert not outcomes.liars
        assert not outcomes.refused
        out.append(readings.imported_wh)
    return np.concatenate(out, axis=1)


def search(community: Community) -> Search:
    """The newest search of the leaf."""
    return community.platform.strikes.searches(community.platform.members(FIRST))[0]


def always(slots: int) -> Lies:
    return np.ones(slots, np.bool_)


def test_a_meter_that_always_lies_is_named(make: Make) -> None:
    community = make()
    live(community, 0, ~always(4))
    assert community.platform.strikes.searches(community.platform.members(FIRST)) == []
    live(community, 4, always(18))
    found = search(community)
    assert found.suspicion.named == LIAR
    assert found.since == FIRST + 4
    assert found.over
    assert 10 <= found.closes <= found.limit == 20
    assert found.suspicion.strikes[0] == (LIAR, found.closes)
    with community.platform.parts.store.read() as tx:
        total = tx.totals.total("Mill Lane", Quantity.IMPORT, Window(FIRST + 6, FIRST + 7, 900))
    assert total.status is Status.IMPLAUSIBLE
    with community.platform.parts.store.read() as tx:
        assert found_so_far(tx) == [("Mill Lane", "import", FIRST + 4, [7 * LIAR])]
    for keyholder in community.keyholders:
        with keyholder.parts.store.read() as tx:
            notes = [decode(LedgerNote, entry.body) for entry in tx.ledger.entries(limit=1_000, kind="halves")]
        assert len(notes) == found.closes
        assert all(note.counts == [16, 16] for note in notes)
        assert "two halves of the homes of Mill Lane" in explain(notes[0], "UTC")


@pytest.mark.slow
def test_a_meter_that_lies_now_and_then_is_named_later(make: Make) -> None:
    """One time in three: closes without a lie tell nothing; a second search counts on where the first ended."""
    community = make()
    lies = np.random.default_rng(5).random(60) < 0.35
    live(community, 0, lies)
    found = search(community)
    assert found.suspicion.named == LIAR
    assert found.suspicion.telling == found.suspicion.strikes[0][1] < found.suspicion.rounds
    assert len(community.platform.strikes.searches(community.platform.members(FIRST))) > 1


@pytest.mark.slow
def test_two_keyholders_find_it_and_the_third_confirms(make: Make) -> None:
    community = make()
    live(community, 0, ~always(1))
    community.stop_keyholder(2)
    live(community, 1, always(16))
    found = search(community)
    assert found.suspicion.named == LIAR
    store = community.platform.parts.store
    with store.read() as tx:
        assert len(tx.answers.with_status(Status.PROVISIONAL.value)) == 16 + found.closes
    community.keyholders[2] = community.start_keyholder(2)
    outcomes = community.platform.resume()
    assert not outcomes.liars
    assert not outcomes.waiting
    with store.read() as tx:
        assert tx.answers.with_status(Status.PROVISIONAL.value) == []
        total = tx.totals.total("Mill Lane", Quantity.IMPORT, Window(FIRST + 3, FIRST + 4, 900))
    assert total.status is Status.IMPLAUSIBLE  # confirmed, and still not true
    assert search(community) == found


@pytest.mark.slow
def test_a_restart_in_the_middle_goes_on_where_it_was(make: Make) -> None:
    community = make()
    live(community, 0, always(6))
    before = search(community)
    assert (before.over, before.closes) == (False, 5)
    community.platform.close()
    for index in range(3):
        community.stop_keyholder(index)
        community.keyholders[index] = community.start_keyholder(index)
    folders, links = community.folders, community.links
    community.platform = platform_at(folders, community.card, links, community.clock, RULES)
    community.platform.resume()
    assert search(community) == before
    live(community, 6, always(10))
    after = search(community)
    assert after.suspicion.named == LIAR
    assert after.suspicion.strikes[0] == (LIAR, after.closes)
    assert after.since == before.since


def test_a_third_of_the_leaf_away_there_are_no_halves_and_totals_go_on(make: Make) -> None:
    community = make()
    live(community, 0, always(1))
    readings = random_readings(PEOPLE, Window(FIRST + 1, FIRST + 2, 900))
    readings.present[:3] = False
    readings.imported_wh[:3] = 0
    community.measure(readings)
    community.clock.unix = float((FIRST + 2 + RULES.settle_slots) * 900)
    community.platform.close_due(FIRST + 2)
    found = search(community)
    assert (found.closes, found.suspicion.telling) == (1, 0)
    with community.platform.parts.store.read() as tx:
        total = tx.totals.total("Mill Lane", Quantity.IMPORT, Window(FIRST + 1, FIRST + 2, 900))
        (asked,) = tx.answers.questions("halves")
        answer = tx.answers.answer(asked.hash)
    assert total.answered.tolist() == [True]
    assert total.homes.tolist() == [29]
    assert not any(answer.body)


def test_totals_of_days_given_away_stay_shut_and_the_auditor_is_told(make: Make, tmp_path: Path) -> None:
    """18 of 32 homes give tomorrow away: 14 are left, so its totals do not open; those of today do."""
    community = make()
    for resident in PEOPLE[:18]:
        home = resident.party.home
        consent = Consent(community.card.community, home, f"day:{D0 + 1}", "advice", "an adviser", 4e9)
        for link in community.links:
            assert link.register([community.household_keys[home].sign(consent)]) == [None]
    live(community, 94, ~always(4), width=2)
    with community.platform.parts.store.read() as tx:
        total = tx.totals.total("Mill Lane", Quantity.IMPORT, Window(FIRST + 94, FIRST + 98, 900))
    assert total.answered.tolist() == [True, True, False, False]
    assert total.homes[:2].tolist() == [32, 32]
    assert not total.energy_wh[2:].any()
    export_bundle(community.platform, tmp_path / "bundle.zip")
    report = verify_bundle(tmp_path / "bundle.zip")
    assert report.problems == []
    (note,) = report.notes
    assert "2 of 2 numbers of Mill Lane were kept shut" in note


@pytest.mark.slow
def test_a_month_of_days_still_bills_and_replays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closes of whole days: the liar is named, all bills open behind the leverage audit, the auditor agrees."""
    for where in ("meter.sealing", "model.readings"):
        monkeypatch.setattr(f"quietgrid.{where}.MAX_READING_WH", 1 << 62)
    period = Window(D0 * 48, (D0 + 28) * 48, 1800)
    community = Community(tmp_path / "town", PEOPLE, period, demo_tariffs(), tz="UTC")
    community.join()
    community.register_books(period)
    row = [r.party.home for r in PEOPLE].index(LIAR)
    plain = np.zeros(HOMES, np.int64)
    for day, a, b in period.by_day():
        readings = random_readings(PEOPLE, Window(day * 48 + a, day * 48 + b, 1800), seed=day)
        readings.imported_wh[row, 20] += GIANT
        plain += readings.imported_wh.sum(axis=1)
        community.measure(readings)
        community.settle()
    members = community.platform.members(period.first)
    (found,) = community.platform.strikes.searches(members)
    assert found.suspicion.named == LIAR
    assert found.since == period.first + 20
    for keyholder in community.keyholders:
        known = keyholder.memory.known
        closes = list(known.closes.within(0, period.first, period.end))
        assert len(halved_seeds(members, "Mill Lane", "import", closes, known)) == found.limit
    services = Services(community.platform, Settings())
    (shown,) = quality.searches(services, Viewer("anna", Role.ANALYST))
    assert (shown.leaf, shown.found, shown.since) == ("Mill Lane", True, found.since * 1800)
    assert shown.suspects[0] == quality.Suspect((7 * LIAR,), found.closes)
    with pytest.raises(ForbiddenError):
        quality.searches(services, Viewer("home 103", Role.HOUSEHOLD, 103))
    run = community.periods.run(period)
    assert run.outcomes.refused == []
    bills = [community.periods.bill(r.party.home, period) for r in PEOPLE]
    assert [bill.imported_wh for bill in bills] == plain.tolist()
    bundle = tmp_path / "bundle.zip"
    export_bundle(community.platform, bundle)
    report = verify_bundle(bundle)
    assert report.problems == []
    assert report.checked["answers (halves)"] == found.closes
    with community.platform.parts.store.read() as tx:
        halves = tx.answers.questions("halves")[0].hash
    assert all(step.ok for step in answer_steps(community.platform, halves))
    community.close()


def test_a_crash_between_a_total_and_its_alarm(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The alarm is raised after the restart, and the closes that have come since are halved."""
    community = make()
    monkeypatch.setattr(community.platform.strikes, "follow", lambda *_: Outcomes())
    live(community, 0, always(4))
    assert community.platform.strikes.searches(community.platform.members(FIRST)) == []
    community.platform.close()
    folders, links = community.folders, community.links
    community.platform = platform_at(folders, community.card, links, community.clock, RULES)
    community.platform.resume()
    found = search(community)
    assert (found.since, found.closes, found.suspicion.strikes[0][1]) == (FIRST, 3, 3)
