"""One keyholder's own correctness: the same bytes, crashes between steps, ledger, erasure, catching up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from quietgrid.crypto.public.envelope import Signed, decode, pack_signed
from quietgrid.crypto.public.sealing import X25519, seal_info
from quietgrid.crypto.public.signatures import Identity
from quietgrid.crypto.secret.chain import PAIRS_OF, chain_keys
from quietgrid.crypto.secret.ledger_body import ledger_key, open_body
from quietgrid.errors import ConflictError, GateRefusal, NotFoundError, UnavailableError, VerificationError
from quietgrid.keyholder.intake import check_enrolment
from quietgrid.keyholder.joining import take
from quietgrid.lab.community import Community
from quietgrid.lab.local import LocalLink
from quietgrid.mdms import open_sums
from quietgrid.meter.enrol import Site, enrol
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import Window
from quietgrid.model.question import Book, Kind, Vector
from quietgrid.model.readings import Readings
from quietgrid.model.total import Status
from quietgrid.pes import blind_bills
from quietgrid.runtime.founding import body, identity
from quietgrid.wire.links import error_of
from quietgrid.wire.messages import (
    Adoption,
    Certificate,
    Enrol,
    Head,
    LedgerNote,
    Opened,
    Prices,
    QuestionMessage,
    Refusal,
    Sums,
    Vote,
    VoteLog,
)
from quietgrid.wire.own import Erase
from tests.scenarios.attacks.spy import D0, Spy, found_community, off, random_readings, released, residents

RULES = GateRules(k=3, max_share_percent=50)
PER_DAY = 48
PERIOD = Window(D0 * PER_DAY, (D0 + 28) * PER_DAY, 1800)
HOMES = list(range(100, 107))
PEOPLE = residents({"A": [1] * 7})
ALL = Vector("all", 0, "all")


class Town:
    """Seven homes; a month delivered, nothing closed; a book registered."""

    def __init__(self, folder: Path) -> None:
        self.community = found_community(folder, PEOPLE, 29, RULES, 1800)
        self.spy = Spy(self.community)
        self.book = Book(0, PERIOD, (ALL,))
        self.spy.register_book(self.book)
        self.readings: Readings = random_readings(PEOPLE, PERIOD)
        for first in range(PERIOD.first, PERIOD.end, 7 * PER_DAY):
            self.community.measure(self.readings.cut(Window(first, first + 7 * PER_DAY, 1800)))
        self.community.clock.unix = PERIOD.end * 1800 + 3 * 1800.0

    def closes(self, omit: list[tuple[int, int, int]] | None = None) -> list[Signed]:
        """A close a day, but for (home, day, slot)."""
        left_out = omit or []
        return [
            self.spy.close(D0 + day, 0, PER_DAY, omit=[(h, s) for h, d, s in left_out if d == day]) for day in range(28)
        ]

    def restart(self, index: int) -> None:
        if self.community.links[index].keyholder is not None:
            self.community.stop_keyholder(index)
        self.community.keyholders[index] = self.community.start_keyholder(index)

    def sums_of(self, home: int) -> int:
        return int(self.readings.imported_wh[HOMES.index(home)].sum())


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = Town(tmp_path / "town")
    yield made
    made.community.close()


def raw(community: Community, index: int, question: Signed) -> bytes:
    outcome = community.links[index].questions([question])[0]
    if isinstance(outcome, Refusal):
        raise error_of(outcome)
    return pack_signed(outcome)


# -- the same bytes -------------------------------------------------------------------------------------------------


def test_votes_and_sums_are_the_same_bytes_for_ever(town: Town) -> None:
    """Asked again; after a restart; when the keys are long erased."""
    community, spy = town.community, town.spy
    closes = town.closes()
    batch = spy.batch(town.book, closes)
    votes = [pack_signed(vote) for vote in community.links[0].votes_on([*closes, batch]) if isinstance(vote, Signed)]
    assert len(votes) == 29
    spy.vote([*closes, batch], 1, 2)
    sums = raw(community, 0, batch)
    assert raw(community, 0, batch) == sums
    town.restart(0)
    again = [pack_signed(vote) for vote in community.links[0].votes_on([*closes, batch]) if isinstance(vote, Signed)]
    assert again == votes
    assert raw(community, 0, batch) == sums
    community.clock.unix += 200 * 86_400
    community.keyholders[0].erase_old_days()
    assert raw(community, 0, batch) == sums
    with community.keyholders[0].parts.store.read() as tx:
        tx.ledger.verify()


def test_a_crash_after_the_vote_and_one_after_the_release(town: Town) -> None:
    community, spy = town.community, town.spy
    closes = town.closes()
    spy.vote(closes)
    question = spy.question(Kind.TOTALS, "A", (D0 * 48, D0 * 48 + 48), closes[:1], quantity="import")
    town.restart(0)  # voted, nothing released
    assert released(community)[0] == 0
    first = raw(community, 0, question)
    town.restart(0)  # released, never sent on
    assert released(community)[0] == 1
    assert raw(community, 0, question) == first
    assert released(community)[0] == 1
    answer = spy.total(closes[0], "A")
    assert answer.status is Status.CONFIRMED
    assert answer.values.tolist() == town.readings.imported_wh[:, :48].sum(axis=0).tolist()


def test_a_crash_while_keys_are_taken(tmp_path: Path) -> None:
    """Keys written, the record not: the rows are erased and left unused, and enrolling again completes it."""
    community = found_community(tmp_path / "town", PEOPLE[:4], 2, RULES)
    keyholder = community.keyholders[1]
    rows = keyholder.parts.keys.rows
    keyholder.parts.keys.append(np.ones((2, 2, 32), np.uint8), D0)  # the crash
    good = next(iter(community.bank.enrolments().values()))
    checked = check_enrolment(good, community.card, keyholder.parts.kem, 1, RULES)
    message = msgspec.structs.replace(checked.message, pid=999, home=998)
    take(keyholder.parts, [replace(checked, message=message)])
    assert keyholder.parts.keys.rows == rows + 3
    with keyholder.parts.store.read() as tx:
        assert tx.members.rows(np.array([999, 700], np.uint64)).tolist() == [rows + 2, 0]
        assert [row.forgotten for row in tx.members.enrolments()] == [False] * rows + [True, True, False]
    community.stop_keyholder(1)
    community.keyholders[1] = community.start_keyholder(1)
    assert set(community.keyholders[1].memory.enrolments) == {*(7 * h for h in range(100, 104)), 999}
    community.close()


def test_two_requests_at_once_enrol_a_meter_once(tmp_path: Path) -> None:
    community = found_community(tmp_path / "town", PEOPLE[:4], 2, RULES)
    own, meter, maker = Identity.generate(), Identity.generate(), identity(community.folders.state / "maker")
    kem = body(community.folders.households / "shared", X25519).kem
    site = Site(
        4_242, 555, 1, own.public, kem.public, maker.sign(Certificate(meter.public, 1, 9_000)),
        own.sign(Adoption(community.card.community, 4_242, 555, meter.public)),
    )  # fmt: skip
    signed = enrol(community.card, community.card.fingerprint(), [site], [meter], D0).messages
    keyholder = community.keyholders[0]
    before, acks = keyholder.parts.keys.rows, []
    threads = [threading.Thread(target=lambda: acks.append(keyholder.enrol(signed)[0])) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert keyholder.parts.keys.rows == before + 1
    assert {pack_signed(ack) for ack in acks if isinstance(ack, Signed)} == {pack_signed(acks[0])}
    assert len(acks) == 6
    community.close()


# -- the privacy ledger ---------------------------------------------------------------------------------------------


def open_batch(town: Town) -> np.ndarray:
    """Bills asked, opened and told to the keyholders: int64 [homes]."""
    spy, closes = town.spy, town.closes()
    spy.vote(closes)
    batch = spy.batch(town.book, closes)
    spy.vote([batch])
    sums = spy.ask(batch)
    plan = spy.bills_plan(town.book, closes, [], {}, raw=False)
    answer = open_sums(blind_bills(spy.fetch(spy.members()), plan, PER_DAY).reshape(-1), sums)
    told = spy.sign(Opened(batch.hash(), answer.values.astype("<i8").tobytes(), answer.digests, answer.status.value))
    for link in town.community.links:
        link.opened([told, told])
        link.opened([told])
    return answer.values


def household_keys(community: Community, home: int) -> dict[int, bytes]:
    """Keyholder -> ledger key of a home, as its household derives them: from the roots of its first meter."""
    message = decode(Enrol, community.bank.enrolments()[7 * home].body)
    kem = body(community.folders.households / "shared", X25519).kem
    roots = kem.open(message.sealed[4], seal_info("enrol", message.community, message.pid, "household"))
    chain = chain_keys(np.frombuffer(roots, np.uint8).reshape(3, 32), message.community, message.pid, message.d0)
    return {i: ledger_key(chain[list(PAIRS_OF[i])].tobytes(), message.pid, i) for i in range(3)}


def test_each_home_reads_its_own_entries_and_no_others(town: Town) -> None:
    values = open_batch(town)
    for keyholder in town.community.keyholders:
        with keyholder.parts.store.read() as tx:
            tx.ledger.verify()
            entries = tx.ledger.entries(limit=10_000)
        facts = [e for e in entries if e.kind == "fact"]
        assert sorted(e.home or 0 for e in facts) == HOMES  # one each, however often it is told
        assert len([e for e in entries if e.kind == "bill"]) == len(HOMES)
        for entry in facts:
            home = entry.home or 0
            key = household_keys(town.community, home)[keyholder.index]
            note = decode(LedgerNote, open_body(key, entry.salt, home, entry.body))
            assert note.values == [town.sums_of(home)] == [values[HOMES.index(home)]]
            assert (note.vectors, note.first, note.end, note.node) == (["all"], PERIOD.first, PERIOD.end, "A")
            others = [
                household_keys(town.community, 100 + (home + 1) % 7)[keyholder.index],
                household_keys(town.community, home)[(keyholder.index + 1) % 3],
            ]
            for wrong in others:
                with pytest.raises(VerificationError):
                    open_body(wrong, entry.salt, home, entry.body)
        for entry in entries:
            if entry.home is None:
                assert decode(LedgerNote, entry.body).values == []


def test_no_plain_number_of_a_home_stays_at_a_keyholder(town: Town) -> None:
    """The opened bills pass through; at rest they are in the homes' encrypted entries only."""
    open_batch(town)
    for index, keyholder in enumerate(town.community.keyholders):
        keyholder.parts.store.scrub()
        files = [p.read_bytes() for p in town.community.folders.keyholder(index).rglob("*") if p.is_file()]
        for home in HOMES:
            value = town.sums_of(home)
            for form in (value.to_bytes(8, "little"), msgspec.msgpack.encode(value), str(value).encode()):
                assert not any(form in data for data in files)


def test_what_an_erased_home_leaves_behind(town: Town) -> None:
    community, spy = town.community, town.spy
    open_batch(town)
    message = Erase(community.card.community, 103, "moving out", community.clock.now())
    erase, wrong = (community.household_keys[home].sign(message) for home in (103, 104))
    with pytest.raises(NotFoundError):
        spy.register(wrong)
    spy.register(erase)
    for keyholder in community.keyholders:
        with keyholder.parts.store.read() as tx:
            tx.ledger.verify()
            mine = tx.ledger.entries(home=103)
            row = int(tx.members.rows(np.array([7 * 103], np.uint64))[0])
            with pytest.raises(NotFoundError):
                tx.ledger.key(103)
        assert mine
        assert all(e.body == e.salt == b"" for e in mine)
        assert not keyholder.parts.keys.day_keys(D0 + 3)[:, row].any()
        with pytest.raises(NotFoundError):
            keyholder.parts.keys.chain_keys(row)


def test_erased_before_its_cells_were_opened(town: Town) -> None:
    """Its cells open nowhere any more: totals that hold them are refused, its bill is estimated, the others' open."""
    community, spy = town.community, town.spy
    closes = town.closes()
    spy.vote(closes)
    spy.register(community.household_keys[103].sign(Erase(community.card.community, 103, "", community.clock.now())))
    with pytest.raises(GateRefusal) as refused:
        spy.total(closes[0], "A")
    assert refused.value.rule == "erased"
    town.restart(0)  # it is still known after a restart
    bills = spy.bills(town.book, closes)[:, 0]
    assert bills.tolist() == [0 if home == 103 else town.sums_of(home) for home in HOMES]


# -- catching up ----------------------------------------------------------------------------------------------------


def test_one_that_was_away_for_a_whole_billing_run(town: Town) -> None:
    """Closes, a late close and the batch were voted on without it. It adopts them and confirms."""
    community, spy = town.community, town.spy
    late_cells = [(home, 5, 20) for home in HOMES[:3]]
    closes = town.closes(late_cells)
    community.stop_keyholder(2)
    late = spy.late_close(town.book, "all", [(home, D0 + 5, 20) for home, _, _ in late_cells])
    batch = spy.batch(town.book, closes, [late])
    spy.vote([*closes, late, batch], 0, 1)
    two = spy.ask(batch, 0, 1)
    community.clock.unix += 3_600
    town.restart(2)
    assert community.keyholders[2].catch_up()
    plan = spy.bills_plan(town.book, closes, [late], {}, raw=False)
    blind = blind_bills(spy.fetch(spy.members()), plan, PER_DAY).reshape(-1)
    provisional = open_sums(blind, two)
    confirmed = open_sums(blind, {**two, **spy.ask(batch, 2)})
    assert (provisional.status, confirmed.status) == (Status.PROVISIONAL, Status.CONFIRMED)
    assert provisional.values.tolist() == confirmed.values.tolist() == [town.sums_of(home) for home in HOMES]
    with community.keyholders[2].parts.store.read() as tx:
        assert [len(tx.ledger.entries(limit=100, kind=k)) for k in ("close", "late-close", "batch")] == [28, 1, 1]
        tx.ledger.verify()
    other = spy.late_close(town.book, "all", [(home, D0 + 5, 20) for home, _, _ in late_cells][::-1])
    for subject in (other, spy.batch(town.book, closes)):
        with pytest.raises(ConflictError, match="already taken"):
            spy.vote([subject], 2)


def test_a_refused_late_close_binds_nothing(town: Town) -> None:
    """It held one cell that had entered before; the others are free to enter with another."""
    community, spy = town.community, town.spy
    spy.vote(town.closes([(home, 5, slot) for home in HOMES[:3] for slot in (20, 21)]))
    cells = {slot: [(home, D0 + 5, slot) for home in HOMES[:3]] for slot in (20, 21)}
    spy.vote([spy.late_close(town.book, "all", cells[20])])
    with pytest.raises(ConflictError, match="already taken"):
        spy.vote([spy.late_close(town.book, "all", [*cells[21], cells[20][0]])], 0)
    with community.keyholders[0].parts.store.read() as tx:
        assert len(tx.votes.late_cells(0, PERIOD.first, "register 0")[0]) == 3
    spy.vote([spy.late_close(town.book, "all", cells[21])])


def test_what_rests_on_a_missing_book_is_adopted_once_it_is_there(town: Town) -> None:
    """A log with a batch of a period whose book has not reached us is not taken as adopted."""
    community, spy = town.community, town.spy
    closes = town.closes()
    batch = spy.batch(town.book, closes)
    community.stop_keyholder(2)
    spy.vote([*closes, batch], 0, 1)
    community.clock.unix += 3_600
    community.keyholders[2] = community.start_keyholder(2)
    book = community.keyholders[2].memory.known.books.pop((0, PERIOD.first))
    assert not community.keyholders[2].catch_up()
    with pytest.raises(UnavailableError, match="catching up"):
        spy.vote([batch], 2)
    community.keyholders[2].memory.known.books[0, PERIOD.first] = book
    assert community.keyholders[2].catch_up()
    assert spy.ask(batch, 2)[2].question == batch.hash()


def test_alone_it_neither_votes_nor_releases(town: Town) -> None:
    community, spy = town.community, town.spy
    closes = town.closes()
    spy.vote(closes[:1])
    for index in (0, 2):
        community.stop_keyholder(index)
    question = spy.question(Kind.TOTALS, "A", (D0 * 48, D0 * 48 + 48), closes[:1], quantity="import")
    with pytest.raises(UnavailableError, match="no peer has shown a vote"):
        spy.ask(question, 1)
    community.clock.unix += 60
    town.restart(1)
    with pytest.raises(UnavailableError, match="catching up"):
        spy.vote(closes[1:2], 1)
    assert released(community)[1] == 0


class Impostor(LocalLink):
    """A peer whose votes and log are made up."""

    def votes(self, subjects: list[bytes], head: Signed) -> list[Signed | None]:  # type: ignore[override]
        own = self._reach().parts.identity
        made = [Vote(0, subject) if n % 2 else Vote(self.index, bytes(32)) for n, subject in enumerate(subjects)]
        return [own.sign(vote) for vote in made]

    def log_after(self, seq: int, head: Signed) -> VoteLog:
        garbage = self._reach().parts.identity.sign(Vote(1, bytes(32)))
        return VoteLog(1, [garbage, Signed("close", b"\x90", bytes(32), bytes(64))], 10**6, 0, b"")


def test_votes_that_do_not_hold_count_as_none(town: Town) -> None:
    """A peer that makes things up can hold things up, nothing more."""
    community, spy = town.community, town.spy
    fake = Impostor(1)
    fake.keyholder = community.keyholders[1]
    community.peer_links[0, 1] = fake
    community.clock.unix += 60
    town.restart(0)
    closes = town.closes()
    spy.vote(closes[:2])
    with pytest.raises(UnavailableError, match="has not voted"):
        spy.total(closes[0], "A", 0)
    assert released(community)[0] == 0


def test_a_peer_cannot_speak_for_another(town: Town) -> None:
    """Keyholder 1 telling keyholder 0 that it is keyholder 2 would make the true one look restored."""
    keyholders = town.community.keyholders
    forged = keyholders[1].parts.identity.sign(Head(2, 1_000, bytes(32)))
    outsider = identity(town.community.folders.platform).sign(Head(1, 1_000, bytes(32)))
    for head in (forged, outsider, keyholders[0].head()):
        with pytest.raises(VerificationError):
            keyholders[0].votes([], head)
        with pytest.raises(VerificationError):
            keyholders[0].log_after(0, head)
    keyholders[0].votes([], keyholders[1].head())


# -- notices --------------------------------------------------------------------------------------------------------


def rule_of(town: Town, book: Book) -> str:
    with pytest.raises(GateRefusal) as refused:
        town.spy.register_book(book)
    return refused.value.rule


def test_books_and_prices_once(town: Town) -> None:
    community, spy = town.community, town.spy
    spy.register_book(town.book)  # again: nothing happens
    following = Window(PERIOD.end, PERIOD.end + 28 * PER_DAY, 1800)
    now, community.clock.unix = community.clock.now(), PERIOD.first * 1800.0 - 10
    night = Vector("night", 0, "hours", "UTC", (0b1111,) * 7)
    for wrong in (
        Book(0, following, (ALL,)),  # beyond the epoch
        replace(town.book, leaf=5),
        replace(town.book, vectors=(ALL, night)),
        replace(town.book, vectors=(Vector("rtp", 0, "prices", feed="x"),)),
        Book(0, Window(2 * PERIOD.first, 2 * PERIOD.end, 900), (ALL,)),
    ):
        assert rule_of(town, wrong) == "book"
    community.clock.unix = now
    spy.publish("feed", PERIOD.first, np.arange(10))
    spy.publish("feed", PERIOD.first, np.arange(10))
    with pytest.raises(ConflictError, match="published once"):
        spy.publish("feed", PERIOD.first + 9, np.arange(3))
    spy.publish("feed", PERIOD.first + 10, np.arange(3))
    known = community.keyholders[0].memory.known.prices["feed"]
    assert [known[PERIOD.first + n] for n in range(13)] == [*range(10), 0, 1, 2]


def test_notices_of_the_wrong_people(town: Town) -> None:
    community, spy = town.community, town.spy
    home = community.household_keys[103]
    prices = Prices(community.card.community, "feed", PERIOD.first, 1800, [1])
    for notice in (home.sign(prices), spy.sign(Sums(0, b"", b"", b"", [])), spy.sign(Erase(bytes(16), 103, "", 0.0))):
        for link in community.links:
            refusal = link.register([notice])[0]
            assert refusal is not None
            assert refusal.status in (403, 422)


def test_a_question_of_another_community(town: Town) -> None:
    closes = town.closes()
    town.spy.vote(closes[:1])
    question = town.spy.question(Kind.TOTALS, "A", (D0 * 48, D0 * 48 + 48), closes[:1], quantity="import")
    other = msgspec.structs.replace(decode(QuestionMessage, question.body), community=bytes(16))
    with pytest.raises(VerificationError, match="another community"):
        town.spy.ask(town.spy.sign(other), 0)
    stranger = town.community.household_keys[103].sign(decode(QuestionMessage, question.body))
    with pytest.raises(VerificationError):
        town.spy.ask(stranger, 0)
    with pytest.raises(GateRefusal) as refused:
        town.spy.ask(town.spy.sign(msgspec.structs.replace(other, community=town.community.card.community, kind="x")))
    assert refused.value.rule == "kind"


def test_rules_can_only_be_named_by_a_test(town: Town) -> None:
    """Nothing a keyholder takes in switches a rule off; `off` reaches into the process."""
    assert all(k.parts.rules.disabled == frozenset() for k in town.community.keyholders)
    with off(town.community, "floor"):
        assert not town.community.keyholders[1].parts.rules.on("floor")
    assert town.community.keyholders[1].parts.rules.on("floor")
