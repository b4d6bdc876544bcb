"""A floor that a vote raised: one notice, one day from which on everybody uses it, whoever was away or restarted."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from quietgrid.crypto.public.envelope import Signed
from quietgrid.model.closed import GateRules, Raised
from quietgrid.model.parameter import PRIVACY_FLOOR, PUBLISH_BUDGET
from quietgrid.model.sending import ChainEvent
from quietgrid.runtime.audit import Bundle, export_bundle
from quietgrid.runtime.floors import Floors, raised
from quietgrid.runtime.replay import verify_bundle
from quietgrid.runtime.ruled import CONTRACT
from quietgrid.wire.floor import HIGHEST, FloorRaised
from tests.runtime.hamlet import FIRST_DAY, Hamlet, days
from tests.scenarios.attacks.spy import off

HOMES = 20
K = GateRules().k
RAISED = 18
PRESENT = 17
"""Homes that deliver: enough for the old floor, too few for the raised one."""


def vote(town: Hamlet, homes: int, block: int = 7, parameter: int = PRIVACY_FLOOR) -> None:
    """What an executed vote makes the contract say."""
    values = {"parameter": parameter, "oldValue": K, "newValue": homes}
    event = ChainEvent(
        block, 0, "0x" + "11" * 32, "0x" + "22" * 32, CONTRACT, "0x" + "33" * 20, "ParameterChanged", values
    )
    with town.store.begin() as tx:
        tx.chain.take_events([event], block, "0x" + "11" * 32)


def live(town: Hamlet, day: int) -> None:
    """One day of 17 of 20 homes, closed and asked."""
    gone = np.zeros((HOMES, 48), np.bool_)
    gone[PRESENT:] = True
    town.community.measure(town.readings(days(day, 1), gone))
    town.community.settle()
    town.platform.resume()


def opened(town: Hamlet, day: int) -> bool:
    total = town.total(days(day, 1))
    assert set(total.answered.tolist()) in ({True}, {False})
    assert set(total.homes.tolist()) == {PRESENT}
    return bool(total.answered[0])


def known(town: Hamlet, index: int) -> list[Raised]:
    return town.community.keyholders[index].memory.known.raised


def notice(town: Hamlet, homes: int, day: int, announced_at: float | None = None) -> Signed:
    at = town.community.clock.now() if announced_at is None else announced_at
    card = town.platform.parts.card
    return town.platform.parts.identity.sign(FloorRaised(card.community, homes, day, 7, bytes(32), at))


def refusals(town: Hamlet, signed: Signed) -> list[str]:
    said = [keyholder.register([signed])[0] for keyholder in town.community.keyholders]
    return ["" if one is None else one.rule for one in said]


def test_a_vote_raises_the_floor_for_all_from_one_day_on(hamlet: Callable[..., Hamlet], tmp_path: Path) -> None:
    """One keyholder is away when it is told, one is restarted, and the bundle replays with it and not without it."""
    town = hamlet()
    community = town.community
    live(town, 0)
    vote(town, 6_000, parameter=PUBLISH_BUDGET)
    vote(town, RAISED, block=8)
    community.stop_keyholder(1)
    town.platform.resume()
    day = FIRST_DAY + 3
    assert [known(town, 0), known(town, 2)] == [[Raised(RAISED, day)]] * 2, "the day after next"
    with town.store.read() as tx:
        assert raised(tx) == [Raised(RAISED, day)]
    live(town, 1)
    community.stop_keyholder(2)
    community.keyholders[2] = community.start_keyholder(2)
    assert known(town, 2) == [Raised(RAISED, day)], "kept"
    live(town, 2)
    assert [opened(town, n) for n in range(3)] == [True, True, True]
    live(town, 3)
    community.keyholders[1] = community.start_keyholder(1)
    assert known(town, 1) == []
    live(town, 4)  # it is back, and is told before it is asked
    assert known(town, 1) == [Raised(RAISED, day)]
    assert [opened(town, n) for n in range(5)] == [True, True, True, False, False]
    assert [town.platform.floors.on(FIRST_DAY + n).k for n in range(5)] == [K, K, K, RAISED, RAISED]
    town.platform.resume()
    with town.store.read() as tx:
        assert len(raised(tx)) == 1, "told once"
        assert [e.subject for e in tx.log.entries(limit=1000) if e.action == "floor.raise"] == ["18 homes"]

    path = tmp_path / "bundle.zip"
    export_bundle(town.platform, path)
    report = verify_bundle(path)
    assert report.problems == []
    assert (report.checked["floors"], report.checked["answers (totals)"]) == (1, 5)
    assert report.notes == []
    silent = verify_bundle(changed(path, tmp_path / "without.zip", ()))
    assert len(silent.notes) == 2, "numbers kept shut for no reason that is told"
    early = (notice(town, RAISED, day - 1, announced_at=0.0),)
    found = verify_bundle(changed(path, tmp_path / "early.zip", early)).problems
    assert len(found) == 1, "day 2 was answered by the old floor"
    assert "the gate would decide otherwise" in found[0]


def changed(source: Path, target: Path, floors: tuple[Signed, ...]) -> Path:
    """The bundle with other floors."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "bundle.msgpack":
                head = msgspec.msgpack.decode(data, type=Bundle)
                data = msgspec.msgpack.encode(msgspec.structs.replace(head, floors=floors))
            new.writestr(name, data)
    return target


def test_a_lower_floor_and_one_for_the_past_are_refused(hamlet: Callable[..., Hamlet], tmp_path: Path) -> None:
    town = hamlet()
    live(town, 0)
    today = FIRST_DAY + 1
    refused = ["raise"] * 3
    assert refusals(town, notice(town, K - 1, today + 2)) == refused, "lower"
    assert refusals(town, notice(town, K, today + 2)) == refused, "the same"
    assert refusals(town, notice(town, HIGHEST + 1, today + 2)) == refused, "beyond the contract's bound"
    assert refusals(town, notice(town, RAISED, today)) == refused, "a day that has begun"
    backdated = notice(town, RAISED, FIRST_DAY, announced_at=(FIRST_DAY - 1) * 86_400.0)
    assert refusals(town, backdated) == refused, "a day that is answered"
    assert refusals(town, notice(town, RAISED, today + 2)) == [""] * 3
    assert refusals(town, notice(town, RAISED, today + 2)) == [""] * 3, "again"
    assert refusals(town, notice(town, RAISED - 1, today + 3)) == refused, "lower than what comes"
    assert refusals(town, notice(town, RAISED + 1, today + 2)) == refused, "one floor a day"
    stranger = town.community.household_keys[100]
    card = town.platform.parts.card
    forged = stranger.sign(FloorRaised(card.community, RAISED + 1, today + 9, 7, bytes(32), 0.0))
    said = [keyholder.register([forged])[0] for keyholder in town.community.keyholders]
    assert all(one is not None for one in said), "only the platform tells"
    assert [known(town, index) for index in range(3)] == [[Raised(RAISED, today + 2)]] * 3

    with off(town.community, "raise"):  # what the rule is for: an answered day would not replay any more
        assert refusals(town, backdated) == [""] * 3
    export_bundle(town.platform, tmp_path / "bundle.zip")
    assert verify_bundle(tmp_path / "bundle.zip").holds
    assert not verify_bundle(changed(tmp_path / "bundle.zip", tmp_path / "past.zip", (backdated,))).holds


def test_the_stricter_of_setting_and_vote_holds(hamlet: Callable[..., Hamlet]) -> None:
    town = hamlet()
    parts = town.platform.parts
    strict = Floors(town.store, GateRules(k=25))
    vote(town, RAISED)
    assert not strict.announce(parts.identity, parts.card, town.platform.keyholders, parts.clock)
    assert town.platform.floors.announce(parts.identity, parts.card, town.platform.keyholders, parts.clock)
    assert strict.on(FIRST_DAY + 400).k == 25


def test_a_crash_before_keyholders_are_told(hamlet: Callable[..., Hamlet], monkeypatch: pytest.MonkeyPatch) -> None:
    """It is kept with what is still to be told, so the next look tells it."""
    town = hamlet()
    vote(town, RAISED)

    def die() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(town.platform.keyholders, "catch_up", die)
        with pytest.raises(KeyboardInterrupt):
            town.platform.resume()
    assert [known(town, index) for index in range(3)] == [[], [], []]
    town.platform.resume()
    assert len({tuple(known(town, index)) for index in range(3)}) == 1
    assert known(town, 0) == [Raised(RAISED, FIRST_DAY + 1)]
