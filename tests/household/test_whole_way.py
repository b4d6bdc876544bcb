"""The whole way, with nobody's side left out: 30 homes, 28 days, three keyholders, one bill, checked at home.

Late and lost readings included. What the household finds is compared with what its meter measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from quietgrid import demo
from quietgrid.billing import default_tariffs
from quietgrid.crypto.public.envelope import Signed
from quietgrid.crypto.public.signatures import load_or_create_secret
from quietgrid.errors import NotFoundError
from quietgrid.household import Home, Vault, Verdict
from quietgrid.household.service import HomeParts
from quietgrid.keyholder import Keyholder
from quietgrid.lab import Community, Resident
from quietgrid.lab.fleet import _day_vector
from quietgrid.model.interval import DAY_S, Window, day_window
from quietgrid.model.party import Party, PartyKind
from quietgrid.model.readings import Readings
from quietgrid.runtime.founding import body
from quietgrid.runtime.own import OwnDesk
from quietgrid.store import open_vault
from quietgrid.wire.messages import Refusal
from quietgrid.wire.own import InvoiceHead, SealedSeries
from quietgrid.wire.vouching import Vouching

HOMES, DAYS, PER_DAY = 30, 28, 96
WHO = 4


class OwnPlatform:
    """`PlatformLink` straight to the platform's desk, for one home."""

    def __init__(self, desk: OwnDesk, home: int) -> None:
        self._desk, self._home = desk, home

    def sealed(self, pid: int, register: int, window: Window) -> SealedSeries:
        return self._desk.sealed(self._home, pid, register, window)

    def bills(self) -> list[bytes]:
        return self._desk.bills(self._home)

    def invoice(self, first: int) -> InvoiceHead:
        raise NotFoundError("there is no such bill", where="bill")

    def published(self) -> Signed:
        raise NotFoundError("nothing is published", where="published statistics")

    def book(self, first: int) -> Signed:
        return self._desk.book(self._home, first)

    def prices(self, feed: str, window: Window) -> list[Signed]:
        return self._desk.prices(feed, window)

    def closes(self, window: Window) -> list[Signed]:
        return self._desk.closes(self._home, window)

    def records(self, window: Window) -> list[Signed]:
        return self._desk.records(self._home, window)

    def vouching(self, window: Window) -> Vouching:
        return self._desk.vouching(self._home, window)

    def erase(self, signed: Signed) -> None:
        self._desk.erase(self._home, signed)

    def prove(self, scalars: Signed) -> None:
        self._desk.prove(self._home, scalars)


class OwnHolder:
    """`HolderLink` straight to a keyholder, for one home."""

    def __init__(self, keyholder: Keyholder, home: int) -> None:
        self._keyholder, self._home = keyholder, home

    def ledger(self, after: int, limit: int) -> Signed:
        return self._keyholder.ledger_of(self._home, after, limit)

    def notices(self, signed: Sequence[Signed]) -> list[Refusal | None]:
        return self._keyholder.register(signed)


def batch(community: Community, period: Window) -> Readings:
    sample = demo.load(HOMES, period)
    pids = np.array([r.pid for r in community.residents], np.uint64)
    present = np.ones(sample.readings.present.shape, np.bool_)
    present[WHO, 500:503] = False
    cut = [np.where(present, c, 0) for c in (sample.readings.imported_wh, sample.readings.exported_wh)]
    return Readings(pids, period, cut[0], cut[1], present)


def live(community: Community, readings: Readings) -> None:
    """Day by day: measure, deliver (one day of our home comes late), close, sign days that are over."""
    window = readings.window
    book = community.periods.book(0, window)
    late_day = window.first // PER_DAY + 10
    recorded = window.first // PER_DAY
    days = [d for d, _, _ in window.by_day()]
    for day in range(days[0], days[-1] + 10):
        both = day_window(day, 900).intersect(window)
        community.clock.unix = max(community.clock.unix, (day + 1) * DAY_S + 1.0)
        if len(both):
            part = readings.cut(both)
            community.bank.seal(part)
            if day == late_day:
                held = [sent for sent in community.bank.pending() if sent.pid != community.residents[WHO].pid]
                accepted = community.platform.accept([sent.frame for sent in held])
                assert accepted.receipt is not None
                community.bank.acknowledge(accepted.receipt, [held[i] for i in accepted.order.tolist()])
                community.settle()
            community.deliver()
        else:
            community.bank.advance_day(day)
        community.settle()
        while recorded <= day - 9:
            inside = day_window(recorded, 900)
            vectors = [_day_vector(book, v, recorded, inside) for v in book.vectors if v.rule != "prices"]
            mine = [community.residents[WHO].pid]
            community.platform.records.put(community.bank.day_records(recorded, dict.fromkeys(mine, vectors)))
            recorded += 1


@pytest.mark.slow
def test_a_bill_is_checked_by_the_home_it_is_for(tmp_path: Path) -> None:
    first = demo.replay_window().first
    period = Window(first, first + DAYS * PER_DAY, 900)
    sample = demo.load(HOMES, period)
    tariffs = [tariff for tariff in default_tariffs() if not tariff.feed]
    known = {tariff.name for tariff in tariffs}
    parties = [
        Party(
            h.number, h.name, PartyKind(h.kind), h.feeder, h.connection_w,
            h.tariff if h.tariff in known else tariffs[0].name,
        )
        for h in sample.homes
    ]  # fmt: skip
    residents = [Resident(p, 500 + p.home, h.registers) for p, h in zip(parties, sample.homes, strict=True)]
    community = Community(tmp_path / "state", residents, Window(first, first + 60 * PER_DAY, 900), tariffs)
    community.join()
    community.register_books(period)
    readings = batch(community, period)
    live(community, readings)
    run = community.periods.run(period)
    assert run.bills == HOMES, run.outcomes
    community.periods.approve(period, "operator")

    who = residents[WHO]
    folder = tmp_path / "vault"
    own, kem = community.household_keys[who.party.home], body(community.folders.households / "shared").kem
    load_or_create_secret(folder / "identity.key", own.seed)
    load_or_create_secret(folder / "sealing.key", kem.to_bytes)
    load_or_create_secret(folder / "home", lambda: msgspec.msgpack.encode((community.card.community, who.party.home)))
    vault = Vault(folder)
    vault.take_roots(community.bank.enrolments()[who.pid])
    desk = OwnDesk(community.platform, community.periods)
    home = Home(
        HomeParts(
            community.card, vault, open_vault(tmp_path / "vault.db", community.clock), community.clock,
            OwnPlatform(desk, who.party.home), [OwnHolder(k, who.party.home) for k in community.keyholders],
        )
    )  # fmt: skip

    opened = home.readings(period)
    assert (opened.imported_wh[0] == readings.imported_wh[WHO]).all()
    assert (opened.present[0] == readings.present[WHO]).all()
    check = home.verify_bill(home.bill(first))
    assert {v.verdict for v in check.vectors} <= {Verdict.HOLDS, Verdict.ESTIMATED}
    assert check.disputed == []
    assert check.records >= DAYS
    late = next(v for v in check.vectors if v.late_cells)
    assert late.late_cells > 0, "the late day waits in the pool: too few homes were late"
    rows = home.privacy()
    assert all(row.agree and row.keyholders == (0, 1, 2) for row in rows if row.kind in ("totals", "bills", "bill"))
    assert {row.kind for row in rows if row.mine} >= {"bill"}
    facts = home.verify_facts()
    assert [(row.mine, row.keyholders) for row, _ in facts] == [(True, (0, 1, 2))]
    assert all(verdict in (Verdict.HOLDS, Verdict.ESTIMATED) for _, verdict in facts)
    community.close()
