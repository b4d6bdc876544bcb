"""Each home's ledger names its numbers as its own leaf's book does, also where leaves have different books."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from quietgrid import demo
from quietgrid.crypto.public.envelope import decode
from quietgrid.crypto.secret.ledger_body import open_body
from quietgrid.lab import Community, Resident
from quietgrid.lab.commission import demo_tariffs
from quietgrid.model.interval import Window
from quietgrid.model.party import Party, PartyKind
from quietgrid.wire.messages import LedgerNote

HOMES = 30


def test_names_and_values_are_those_of_the_own_book(tmp_path: Path) -> None:
    first = demo.replay_window().first
    period = Window(first, first + 28 * 96, 900)
    sample = demo.load(HOMES, period)
    residents = []
    for home in sample.homes:
        hill = home.number <= HOMES // 2
        tariff = "real-time" if hill and home.number % 2 else "flat"
        feeder = "Hill" if hill else "Lane"
        party = Party(home.number, home.name, PartyKind(home.kind), feeder, 10_000, tariff)
        residents.append(Resident(party, 500 + home.number, home.registers))
    community = Community(tmp_path, residents, period, demo_tariffs())
    community.join()
    community.platform.publish_prices("day-ahead", period.first, demo.prices(period).tolist())
    community.register_books(period)
    readings = replace(sample.readings, meters=np.array([r.pid for r in residents], np.uint64))
    for day, a, b in period.by_day():
        community.measure(readings.cut(Window(day * 96 + a, day * 96 + b, 900)))
        community.settle()
    run = community.periods.run(period)
    assert run.outcomes.refused == []
    books = [community.periods.book(leaf, period) for leaf in (0, 1)]
    assert [v.name for v in books[0].vectors] != [v.name for v in books[1].vectors]
    with community.keyholders[2].parts.store.read() as tx:
        keys = tx.ledger.keys()
        entries = tx.ledger.entries(limit=10_000, kind="fact")
    notes = {e.home: decode(LedgerNote, open_body(keys[e.home], e.salt, e.home, e.body)) for e in entries if e.home}
    assert len(notes) == HOMES
    for resident in residents:
        note = notes[resident.party.home]
        book = books[0 if resident.party.feeder == "Hill" else 1]
        bill = community.periods.bill(resident.party.home, period)
        assert note.vectors == [v.name for v in book.vectors]
        assert note.values == [fact.measured for fact in bill.facts]
    community.close()
